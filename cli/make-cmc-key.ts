/**
 * Makes the key that signs CMC answers and packages of generated keys, and its certificate, which goes on record like
 * any other.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { cmcResponderProfile } from '../ca/certificate-profile.ts';
import { readDer } from '../ca/der.ts';
import { encodeSubject, readName } from '../ca/distinguished-name.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { makeCredentialId } from '../enrollment/one-time-password.ts';
import { generateKey } from '../hsm/generate-key.ts';
import { replaceKey } from '../hsm/replace-key.ts';
import { caKeyTypeOf } from '../server/ca-key.ts';
import type { Config } from '../server/config.ts';
import { dataPaths, toPem } from '../server/data-directory.ts';
import type { Stores } from '../storage/stores.ts';
import { operator } from './data.ts';
import type { OpenCa } from './open-ca.ts';

/**
 * The key is of the issuing key's kind: who verifies the one can verify the other. One that is there already is replaced,
 * and its certificate revoked.
 * @param replaced serial number of the certificate that goes, hexadecimal
 * @returns the new certificate, DER
 * @throws TokenFault; SignerUnavailable; nothing has changed then
 */
export async function makeCmcKey(
  config: Config,
  { chain, signer, token }: OpenCa,
  { ledger }: Stores,
  replaced?: string,
): Promise<Uint8Array> {
  const { hsm, serialPrefix } = config;
  const { root, issuing } = chain;
  const authority = new CertificateAuthority({ issuer: issuing, signer, ledger, serialPrefix });
  const kept = [root.subjectPublicKeyInfo, issuing.subjectPublicKeyInfo];
  const certificate = await replaceKey(token, hsm.cmcKey, kept, async () => {
    const publicKey = await generateKey(token, hsm.cmcKey, caKeyTypeOf(issuing));
    const issued = await authority.issue({
      profile: cmcResponderProfile,
      subject: encodeSubject({ commonName: cmcNameUnder(issuing.subject) }),
      subjectAltNames: [],
      publicKey: readPublicKey(readDer(publicKey)),
      endpoints: [],
      credential: { kind: 'operator', id: operator() },
      requestId: makeCredentialId(),
    });
    writeAtOnce(dataPaths(config.directory).cmc, toPem(issued.certificate));
    return issued.certificate;
  });
  if (replaced !== undefined)
    await authority.revoke(replaced, { reason: 'superseded', at: new Date(), by: operator() });
  return certificate;
}

/** `Acme Issuing CA` makes `Acme CMC`. */
function cmcNameUnder(issuer: Uint8Array): string {
  const name = readName(readDer(issuer)).find(({ type }) => type === 'commonName')?.text ?? 'CA';
  // upper bound of a common name (RFC 5280 appendix A.1)
  return `${name.replace(/ Issuing CA$/, '').slice(0, 60)} CMC`;
}

/** Nobody ever reads half of it. */
function writeAtOnce(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
