/** The request of an issuing CA to a CA above that is not ours. */

import { Command, Option } from 'commander';
import { makeCaRequest } from '../../ca/ca-request.ts';
import {
  type CaState,
  changeIssuingKey,
  checkIssuerName,
  defaultIssuer,
  issuerIn,
  keyThatIs,
  nextGeneration,
} from '../../ca/ca-state.ts';
import { der, tokenKeyName } from '../../ca/certification-authority.ts';
import { type CaKeyType, caKeyTypes } from '../../ca/signer.ts';
import type { Config } from '../../server/config.ts';
import { defaultToken } from '../../server/config-schema.ts';
import { toPem } from '../../server/data-directory.ts';
import type { Stores } from '../../storage/stores.ts';
import { changeCa, writeAtOnce } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import {
  chosenSubject,
  issuerSubject,
  type SubjectOptions,
  withSubject,
} from '../issuer-subject.ts';
import { openSigner } from '../open-ca.ts';
import { OpenTokens } from '../open-tokens.ts';
import { print, printJson } from '../print.ts';
import { type IssuerRequestOrder, requestIssuer } from '../request-issuer.ts';

interface RequestOptions extends DataOption, SubjectOptions {
  readonly token?: string;
  readonly keyType?: CaKeyType;
  readonly tenant?: string;
  readonly again?: true;
  readonly out?: string;
  readonly json?: true;
}

export function caRequestCommand(): Command {
  return withSubject(withJson(new Command('request')))
    .description('make an issuing key, and the request (PKCS #10) for a CA above to sign')
    .argument('[name]', 'the issuer: a new one, or one that is to get its next key', defaultIssuer)
    .option('--token <name>', 'name of its token in the configuration')
    .addOption(new Option('--key-type <type>', 'kind of key').choices(caKeyTypes))
    .option('--tenant <id>', "only this tenant's groups may use it")
    .option(
      '--again',
      'the request that waits, once more; with another subject, made anew by the same key',
    )
    .option('--out <file>', 'write it there')
    .action(request);
}

async function request(name: string, options: RequestOptions): Promise<void> {
  checkIssuerName(name);
  const pem = await withStores(options, async (stores, config) => {
    const { state } = await stores.caState.load();
    const work = { name, options, stores, config, state };
    return toPem(await (options.again ? repeat(work) : make(work)), 'CERTIFICATE REQUEST');
  });
  if (options.out !== undefined) writeAtOnce(options.out, pem);
  if (options.json) printJson({ issuer: name, pem });
  else if (options.out === undefined) process.stdout.write(pem);
  else
    print(
      `${options.out} holds the request: have it signed, and import the answer with its chain by \`bestow ca import\`.`,
    );
}

interface Work {
  readonly name: string;
  readonly options: RequestOptions;
  readonly stores: Stores;
  readonly config: Config;
  readonly state: CaState;
}

async function make({ name, options, stores, config, state }: Work): Promise<Uint8Array> {
  const issuer = state.issuers.find((each) => each.name === name);
  const active = issuer && keyThatIs(issuer, 'active');
  if (issuer && options.token !== undefined && options.token !== issuer.token)
    throw usage(`The keys of the issuer "${name}" are in the token "${issuer.token}".`);
  if (issuer && options.tenant !== undefined && options.tenant !== issuer.tenant)
    throw usage(`Whose an issuer is does not change: make another one.`);
  if (options.tenant !== undefined && !(await stores.tenants.find(options.tenant)))
    throw notFound(`There is no tenant ${options.tenant}.`);
  const order: IssuerRequestOrder = {
    issuer: name,
    generation: issuer ? nextGeneration(issuer) : 1,
    token: issuer?.token ?? options.token ?? defaultToken,
    keyType: options.keyType ?? active?.keyType ?? 'P-256',
    subject: issuerSubject(options, state, name),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
  };
  const tokens = new OpenTokens(config);
  try {
    return await requestIssuer(config, stores, tokens.open(order.token), order);
  } finally {
    tokens.close();
  }
}

/** The request that waits, or another one by the same key. */
async function repeat({ name, options, stores, config, state }: Work): Promise<Uint8Array> {
  const issuer = issuerIn(state, name);
  const key = keyThatIs(issuer, 'requested');
  if (key?.request === undefined)
    throw conflict(`The issuer "${name}" has no request that waits for its certificate.`);
  if (options.keyType !== undefined || options.token !== undefined || options.tenant !== undefined)
    throw usage('--again is about the key that there is: it goes with another subject only.');
  if (!chosenSubject(options)) return der(key.request);
  const tokens = new OpenTokens(config);
  try {
    const token = tokens.open(issuer.token);
    const signer = await openSigner(config, token, tokenKeyName(issuer.token, key));
    const made = await makeCaRequest(issuerSubject(options, state, name), signer);
    const change = { action: 'ca.request-made', object: name };
    await changeCa(stores, config.directory, change, (now) =>
      changeIssuingKey(now, name, key.generation, (present) => ({
        ...present,
        request: Buffer.from(made).toString('base64'),
      })),
    );
    return made;
  } finally {
    tokens.close();
  }
}
