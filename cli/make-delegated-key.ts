/**
 * Makes a key that signs answers in an issuing CA's name, and its certificate, which goes on record like any other.
 */

import { changeIssuingKey, type DelegationName } from '../ca/ca-state.ts';
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
import { replaceKey } from '../hsm/replace-key.ts';
import type { Config } from '../server/config.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa } from './certification-authority.ts';
import { operator } from './data.ts';
import type { OpenCa } from './open-ca.ts';
import { base64, makeKey } from './set-up-ca.ts';

/** What distinguishes one of these keys from another. */
export interface Delegation {
  readonly profile: Profile;
  /** Last word of its common name. */
  readonly name: string;
}

export const delegationOf: Readonly<Record<DelegationName, Delegation>> = {
  /** Signs CMC answers and packages of generated keys. */
  cmc: { profile: cmcResponderProfile, name: 'CMC' },
  /** Signs OCSP answers. */
  ocsp: { profile: ocspResponderProfile, name: 'OCSP' },
};

/** CKA_LABEL of such a key. */
export function delegatedLabel({ key }: Pick<OpenCa, 'key'>, which: DelegationName): string {
  return key.delegated[which]?.label ?? `${key.label}-${which}`;
}

/**
 * The key is of the issuing key's kind: who verifies the one can verify the other. One that is there already is replaced,
 * and its certificate revoked.
 * @returns the new certificate, DER
 * @throws TokenFault; SignerUnavailable; nothing has changed then
 */
export async function makeDelegatedKey(
  which: DelegationName,
  config: Config,
  open: OpenCa,
  stores: Stores,
): Promise<Uint8Array> {
  const { chain, key, signer, token } = open;
  const { profile, name } = delegationOf[which];
  const label = delegatedLabel(open, which);
  const replaced = key.delegated[which]?.certificate.serialNumber;
  const authority = new CertificateAuthority({
    issuer: chain.issuing,
    signer,
    ledger: stores.ledger,
    serialPrefix: config.serialPrefix,
  });
  const kept = [chain.root.subjectPublicKeyInfo, chain.issuing.subjectPublicKeyInfo];
  const certificate = await replaceKey(token, label, kept, async () => {
    const made = await makeKey(token, label, key.keyType);
    const issued = await authority.issue({
      profile,
      subject: encodeSubject({ commonName: nameUnder(chain.issuing.subject, name) }),
      subjectAltNames: [],
      publicKey: readPublicKey(readDer(Buffer.from(made.publicKey, 'base64'))),
      endpoints: [],
      credential: { kind: 'operator', id: operator() },
      requestId: makeCredentialId(),
    });
    const delegated = { ...made, certificate: base64(issued.certificate) };
    const change = {
      action: `ca.${which}-key-made`,
      object: key.issuer,
      details: { serialNumber: issued.serialNumber },
    };
    await changeCa(stores, config.directory, change, (state) =>
      changeIssuingKey(state, key.issuer, key.generation, (now) => ({
        ...now,
        delegated: { ...now.delegated, [which]: delegated },
      })),
    );
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
  return `${above.replace(/ Issuing CA/, '').slice(0, 63 - name.length)} ${name}`;
}
