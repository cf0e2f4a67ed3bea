/**
 * Makes a key that signs answers in the CA's name, and its certificate, which goes on record like any other.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import {
  cmcResponderProfile,
  ocspResponderProfile,
  type Profile,
} from '../ca/certificate-profile.ts';
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

/** What distinguishes one of these keys from another. */
export interface DelegatedKey {
  /** In the configuration: where its label stands. */
  readonly label: 'cmcKey' | 'ocspKey';
  /** Where its certificate is kept; see dataPaths. */
  readonly certificate: 'cmc' | 'ocsp';
  readonly profile: Profile;
  /** Last word of its common name. */
  readonly name: string;
}

/** Signs CMC answers and packages of generated keys. */
export const cmcKey: DelegatedKey = {
  label: 'cmcKey',
  certificate: 'cmc',
  profile: cmcResponderProfile,
  name: 'CMC',
};

/** Signs OCSP answers. */
export const ocspKey: DelegatedKey = {
  label: 'ocspKey',
  certificate: 'ocsp',
  profile: ocspResponderProfile,
  name: 'OCSP',
};

/**
 * The key is of the issuing key's kind: who verifies the one can verify the other. One that is there already is replaced,
 * and its certificate revoked.
 * @param replaced serial number of the certificate that goes, hexadecimal
 * @returns the new certificate, DER
 * @throws TokenFault; SignerUnavailable; nothing has changed then
 */
export async function makeDelegatedKey(
  which: DelegatedKey,
  config: Config,
  { chain, signer, token }: OpenCa,
  { ledger }: Stores,
  replaced?: string,
): Promise<Uint8Array> {
  const { hsm, serialPrefix } = config;
  const { root, issuing } = chain;
  const label = hsm[which.label];
  const authority = new CertificateAuthority({ issuer: issuing, signer, ledger, serialPrefix });
  const kept = [root.subjectPublicKeyInfo, issuing.subjectPublicKeyInfo];
  const certificate = await replaceKey(token, label, kept, async () => {
    const publicKey = await generateKey(token, label, caKeyTypeOf(issuing));
    const issued = await authority.issue({
      profile: which.profile,
      subject: encodeSubject({ commonName: nameUnder(issuing.subject, which.name) }),
      subjectAltNames: [],
      publicKey: readPublicKey(readDer(publicKey)),
      endpoints: [],
      credential: { kind: 'operator', id: operator() },
      requestId: makeCredentialId(),
    });
    writeAtOnce(dataPaths(config.directory)[which.certificate], toPem(issued.certificate));
    return issued.certificate;
  });
  if (replaced !== undefined)
    await authority.revoke(replaced, { reason: 'superseded', at: new Date(), by: operator() });
  return certificate;
}

/** `Acme Issuing CA` makes `Acme CMC`. */
function nameUnder(issuer: Uint8Array, name: string): string {
  const above = readName(readDer(issuer)).find(({ type }) => type === 'commonName')?.text ?? 'CA';
  // upper bound of a common name (RFC 5280 appendix A.1)
  return `${above.replace(/ Issuing CA$/, '').slice(0, 63 - name.length)} ${name}`;
}

/** Nobody ever reads half of it. */
function writeAtOnce(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
