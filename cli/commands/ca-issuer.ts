/** Several issuing CAs: one for each tenant or group that is to have its own. */

import { Command, Option } from 'commander';
import { makeCaCertificate } from '../../ca/ca-certificate.ts';
import type { CaCertificate } from '../../ca/ca-chain.ts';
import { addIssuer, type CaState, checkIssuerName, type IssuerState } from '../../ca/ca-state.ts';
import { fingerprintOf } from '../../ca/certificate.ts';
import { issuingCaProfile } from '../../ca/certificate-profile.ts';
import { requireActive } from '../../ca/certification-authority.ts';
import { type CaKeyType, caKeyTypes } from '../../ca/signer.ts';
import type { OpenToken } from '../../hsm/open-token.ts';
import type { Config } from '../../server/config.ts';
import { defaultToken } from '../../server/config-schema.ts';
import type { Stores } from '../../storage/stores.ts';
import { changeCa, loadCa } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { finishIssuer } from '../finish-issuer.ts';
import { issuerSubject, type SubjectOptions, withSubject } from '../issuer-subject.ts';
import { makeIssuingKey } from '../make-issuing-key.ts';
import type { OpenCa } from '../open-ca.ts';
import { type OpenRoot, OpenTokens, openRoot } from '../open-tokens.ts';
import { print, printFields, printJson, printTable } from '../print.ts';
import { base64 } from '../set-up-ca.ts';

interface AddOptions extends DataOption, SubjectOptions {
  readonly token: string;
  readonly keyType: CaKeyType;
  readonly tenant?: string;
  readonly json?: true;
}

export function caIssuerCommand(): Command {
  const issuer = new Command('issuer').description(
    'issuing CAs: each with a key, a CRL and OCSP of its own',
  );
  withSubject(withJson(issuer.command('add')))
    .description('make another issuing CA, certified by the own root')
    .argument('<name>', 'what groups refer to it by')
    .option('--token <name>', 'name of its token in the configuration', defaultToken)
    .addOption(new Option('--key-type <type>', 'kind of key').choices(caKeyTypes).default('P-256'))
    .option('--tenant <id>', "only this tenant's groups may use it")
    .action(add);
  withJson(issuer.command('list')).description('list the issuing CAs').action(list);
  return issuer;
}

async function add(name: string, options: AddOptions): Promise<void> {
  checkIssuerName(name);
  const issuing = await withStores(options, async (stores, config) => {
    const { state } = await stores.caState.load();
    if (state.issuers.some((each) => each.name === name))
      throw conflict(`There is an issuer "${name}" already.`);
    if (options.tenant !== undefined && !(await stores.tenants.find(options.tenant)))
      throw notFound(`There is no tenant ${options.tenant}.`);
    const tokens = new OpenTokens(config);
    try {
      const root = await openRoot(config, tokens, state);
      const token = tokens.open(options.token);
      const open = await certified({ name, options, config, stores, state, root, token });
      await finishIssuer(config, open, stores);
      return open.chain.issuing;
    } finally {
      tokens.close();
    }
  });
  tell(name, issuing, options);
}

interface Addition {
  readonly name: string;
  readonly options: AddOptions;
  readonly config: Config;
  readonly stores: Stores;
  readonly state: CaState;
  readonly root: OpenRoot;
  readonly token: OpenToken;
}

/** The new issuer, active, without delegated keys. */
function certified(addition: Addition): Promise<OpenCa> {
  const { name, options, config, stores, state, root, token } = addition;
  const subject = issuerSubject(options, state, name);
  const { keyType, tenant } = options;
  const order = { issuer: name, generation: 1, token: options.token, keyType };
  return makeIssuingKey(config, token, order, async ({ key: made, signer }) => {
    const certificate = await makeCaCertificate({
      profile: issuingCaProfile,
      subject,
      publicKey: signer.publicKey,
      signer: root.signer,
      issuer: root.certificate,
      now: new Date(),
    });
    const issuer: IssuerState = {
      name,
      token: options.token,
      ...(tenant === undefined ? {} : { tenant }),
      keys: [
        {
          ...made,
          generation: 1,
          state: 'active',
          certificate: base64(certificate.der),
          above: [base64(root.certificate.der)],
          delegated: {},
        },
      ],
    };
    const change = { action: 'ca.issuer-added', object: name };
    const ca = await changeCa(stores, config.directory, change, (now) => addIssuer(now, issuer));
    const key = requireActive(ca, name);
    return { ca, key, chain: key.chain, signer, token, close: () => undefined };
  });
}

function tell(name: string, issuing: CaCertificate, options: AddOptions): void {
  const shown = {
    name,
    token: options.token,
    tenant: options.tenant,
    subject: issuing.x509.subject.replaceAll('\n', ', '),
    notAfter: issuing.notAfter,
    id: issuing.id,
    fingerprint: fingerprintOf(issuing.der),
  };
  if (options.json) {
    printJson(shown);
    return;
  }
  printFields(shown);
  print(
    `A server that is running follows within seconds. Groups use it with \`bestow group set LABEL --issuer ${name}\`.`,
  );
}

async function list(options: DataOption & { json?: true }): Promise<void> {
  const rows = await withStores(options, async (stores) => {
    const { state } = await stores.caState.load();
    const { issuers } = await loadCa(stores);
    return state.issuers.map((issuer) => {
      const active = issuers.find(({ name }) => name === issuer.name)?.active;
      const waits = issuer.keys.find((key) => key.state === 'requested' || key.state === 'next');
      return {
        name: issuer.name,
        token: issuer.token,
        tenant: issuer.tenant,
        generation: active?.generation,
        keyType: active?.keyType,
        subject: active?.chain.issuing.x509.subject.replaceAll('\n', ', '),
        notAfter: active?.chain.issuing.notAfter,
        id: active?.chain.issuing.id,
        waits: waits && `generation ${waits.generation} is ${waits.state}`,
      };
    });
  });
  if (options.json) printJson(rows);
  else printTable(rows, 'There is no issuer yet.');
}
