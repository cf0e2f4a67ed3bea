/** The certificate that a CA above has signed, and its chain: checked whole, then put to use. */

import { Command } from 'commander';
import { subjectOfRequest } from '../../ca/ca-request.ts';
import {
  type CaState,
  defaultIssuer,
  type IssuingKeyState,
  issuerIn,
  keyThatIs,
} from '../../ca/ca-state.ts';
import { fingerprintOf, readCertificate } from '../../ca/certificate.ts';
import { subjectOf } from '../../ca/certificate-path.ts';
import {
  type CertificationAuthority,
  der,
  type IssuingKey,
  tokenKeyName,
} from '../../ca/certification-authority.ts';
import { certifyIssuer } from '../../ca/certify-issuer.ts';
import { checkSignedChain, type SignedChain } from '../../ca/signed-chain.ts';
import type { Config } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import { changeCa, loadCa } from '../certification-authority.ts';
import { confirmAnchor } from '../confirm-anchor.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { conflict } from '../exit.ts';
import { finishIssuer } from '../finish-issuer.ts';
import { openSigner } from '../open-ca.ts';
import { OpenTokens } from '../open-tokens.ts';
import { print, printFields, printJson } from '../print.ts';
import { readCertificates } from '../read-certificates.ts';
import { base64 } from '../set-up-ca.ts';

interface ImportOptions extends DataOption {
  readonly issuer: string;
  readonly anchorFingerprint?: string;
  readonly json?: true;
}

export function caImportCommand(): Command {
  return withJson(new Command('import'))
    .description(
      'take the signed certificate of an issuing CA and the chain above it, up to the root',
    )
    .argument('<file>', 'PEM, DER or PKCS #7; the certificates in any order')
    .option('--issuer <name>', 'the issuer whose request was signed', defaultIssuer)
    .option('--anchor-fingerprint <sha256>', 'of the root, as its owner publishes it')
    .action(importChain);
}

async function importChain(file: string, options: ImportOptions): Promise<void> {
  const certificates = readCertificates(file);
  const done = await withStores(options, async (stores, config) => {
    const { state } = await stores.caState.load();
    const key = waitingKey(state, options.issuer, certificates);
    const requested = { publicKey: der(key.publicKey), subject: subjectFor(key) };
    const chain = checkSignedChain(certificates, requested, new Date());
    requireNewIdentifier(await loadCa(stores), chain, key);
    const root = chain.above.at(-1);
    if (!root) throw new RangeError('A chain has a root.');
    await confirmAnchor(root, options.anchorFingerprint);
    const { name, token } = issuerIn(state, options.issuer);
    return { chain, key: await putToUse({ config, stores, name, token, key, chain }) };
  });
  tell(done, options);
}

/** The key that waits for its certificate; or one that got this very one when its import was cut short. */
function waitingKey(
  state: CaState,
  name: string,
  certificates: readonly Uint8Array[],
): IssuingKeyState {
  const issuer = issuerIn(state, name);
  const given = new Set(certificates.map(base64));
  const key =
    keyThatIs(issuer, 'requested') ??
    issuer.keys.findLast(({ certificate }) => certificate !== undefined && given.has(certificate));
  if (!key)
    throw conflict(
      `The issuer "${name}" waits for no certificate: \`bestow ca request ${name}\` makes the request for one.`,
    );
  return key;
}

function subjectFor({ request, certificate }: IssuingKeyState): Uint8Array {
  if (request !== undefined) return subjectOfRequest(der(request));
  if (certificate === undefined) throw new RangeError('A key has a request or a certificate.');
  return readCertificate(der(certificate)).subject;
}

/** CRL, status and records of a key go by that name. */
function requireNewIdentifier(
  { issuers }: CertificationAuthority,
  { issuing }: SignedChain,
  { publicKey }: IssuingKeyState,
): void {
  const others = issuers
    .flatMap(({ keys }) => keys)
    .filter((each) => base64(each.publicKey) !== publicKey)
    .flatMap(({ chain: { intermediates, root, issuing: own } }) => [own, ...intermediates, root]);
  if (others.some(({ id }) => id === issuing.id))
    throw conflict(
      `The certificate of ${subjectOf(issuing)} has the subjectKeyIdentifier of another key of this CA: have it signed with the one that was requested.`,
    );
}

interface Import {
  readonly config: Config;
  readonly stores: Stores;
  readonly name: string;
  readonly token: string;
  readonly key: IssuingKeyState;
  readonly chain: SignedChain;
}

async function putToUse({
  config,
  stores,
  name,
  token: tokenName,
  key,
  chain,
}: Import): Promise<IssuingKey> {
  const { generation } = key;
  const tokens = new OpenTokens(config);
  try {
    const token = tokens.open(tokenName);
    // Before anything changes: the key is there, and signs.
    const signer = await openSigner(config, token, tokenKeyName(tokenName, key));
    const certificate = base64(chain.issuing.der);
    const above = chain.above.map((each) => base64(each.der));
    const change = {
      action: 'ca.certificate-imported',
      object: name,
      details: { generation, fingerprint: fingerprintOf(chain.issuing.der) },
    };
    const ca =
      key.state === 'requested'
        ? await changeCa(stores, config.directory, change, (state) =>
            certifyIssuer(state, name, { generation, certificate, above }),
          )
        : await loadCa(stores);
    const certified = ca.issuers
      .find((issuer) => issuer.name === name)
      ?.keys.find((each) => each.generation === generation);
    if (!certified) throw new RangeError('The key has its certificate now.');
    const open = {
      ca,
      key: certified,
      chain: certified.chain,
      signer,
      token,
      close: () => undefined,
    };
    await finishIssuer(config, open, stores);
    return certified;
  } finally {
    tokens.close();
  }
}

function tell(
  { chain, key }: { chain: SignedChain; key: IssuingKey },
  { json }: ImportOptions,
): void {
  const { issuer, generation, state } = key;
  const { issuing, above, leftOver } = chain;
  const shown = {
    issuer,
    generation,
    state,
    subject: subjectOf(issuing),
    notAfter: issuing.notAfter,
    above: above.map(subjectOf),
    id: issuing.id,
    fingerprint: fingerprintOf(issuing.der),
  };
  if (json) {
    printJson({ ...shown, leftOver });
    return;
  }
  printFields(shown);
  if (leftOver > 0)
    print(`${leftOver} more in the file belong to no chain of it, and were left out.`);
  print(
    state === 'next'
      ? `It is announced, and issues from \`bestow ca rollover activate\` on.`
      : 'It issues from now on; a server that is running follows within seconds.',
  );
}
