import { createPublicKey, generateKeyPair } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { endOfChain } from '../ca/ca-chain.ts';
import { extensionOf, readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { tlsServerProfile } from '../ca/certificate-profile.ts';
import { issuingKeyOf } from '../ca/certification-authority.ts';
import { readDer } from '../ca/der.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { canonicalGeneralName, readGeneralNames } from '../ca/general-names.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { makeCredentialId } from '../enrollment/one-time-password.ts';
import type { Config } from '../server/config.ts';
import { dataPaths, readPem, toPem } from '../server/data-directory.ts';
import { tlsServerPlan } from '../server/own-certificates.ts';
import { readActiveProfiles } from '../server/read-profiles.ts';
import type { Stores } from '../storage/stores.ts';
import { writeAtOnce } from './certification-authority.ts';
import { operator } from './data.ts';
import type { OpenCa } from './open-ca.ts';

/** The names a local client uses, so that the server can always be tried on its own machine. */
const localNames = ['localhost', '127.0.0.1', '::1'];

/**
 * Makes the server's TLS key and certificate, on record like any other. The chain is written without the root, which
 * a client has to know already (RFC 8446 section 4.4.2).
 */
export async function issueServerCertificate(
  config: Config,
  { chain, signer }: OpenCa,
  { ledger }: Stores,
  hostnames: readonly string[],
): Promise<void> {
  const paths = dataPaths(config.directory);
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const info = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const names = [...new Set([...hostnames, ...localNames])].map((name) =>
    canonicalGeneralName(`${isIP(name) ? 'IP' : 'DNS'}:${name}`),
  );
  const authority = new CertificateAuthority({
    issuer: chain.issuing,
    signer,
    ledger,
    serialPrefix: config.serialPrefix,
    ends: endOfChain(chain),
  });
  const { certificate } = await authority.issue({
    profile: tlsServerProfile,
    subject: encodeSubject({ commonName: (hostnames[0] ?? 'localhost').slice(0, 64) }),
    subjectAltNames: names,
    publicKey: readPublicKey(readDer(info)),
    endpoints: [],
    credential: { kind: 'operator', id: operator() },
    requestId: makeCredentialId(),
  });
  writeFileSync(paths.serverKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  writeFileSync(paths.serverChain, `${toPem(certificate)}${toPem(chain.issuing.der)}`);
}

/**
 * Where the server's TLS certificate is one of this issuer, makes the one that follows it: the same key and the same names,
 * by the issuer's other key. The private key stays in its file, so that a single file changes, at once.
 */
export async function reissueServerCertificate(
  config: Config,
  { ca, key, chain, signer }: OpenCa,
  { ledger, profiles }: Stores,
): Promise<void> {
  const { serverChain, serverKey } = dataPaths(config.directory);
  const present = readCertificate(readPem(serverChain));
  if (issuingKeyOf(ca, present)?.issuer !== key.issuer) return;
  const names = extensionOf(present, 'subjectAltName');
  const privateKey = readFileSync(serverKey);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const plan = tlsServerPlan(
    names ? readGeneralNames(readDer(names.value)) : [],
    publicKey,
    operator(),
    await readActiveProfiles(profiles, config),
  );
  const authority = new CertificateAuthority({
    issuer: chain.issuing,
    signer,
    ledger,
    serialPrefix: config.serialPrefix,
    ends: endOfChain(chain),
  });
  const { certificate } = await authority.issue(plan);
  writeAtOnce(serverChain, `${toPem(certificate)}${toPem(chain.issuing.der)}`);
}
