/**
 * Makes a key that signs answers in an issuing CA's name, and its certificate, which goes on record like any other.
 */

import { endOfChain } from '../ca/ca-chain.ts';
import { changeIssuingKey, type DelegationName } from '../ca/ca-state.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { replaceKey } from '../hsm/replace-key.ts';
import type { Config } from '../server/config.ts';
import { delegatedPlan } from '../server/own-certificates.ts';
import { readActiveProfiles } from '../server/read-profiles.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa } from './certification-authority.ts';
import { operator } from './data.ts';
import type { OpenCa } from './open-ca.ts';
import { base64, makeKey } from './set-up-ca.ts';

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
  const label = delegatedLabel(open, which);
  const replaced = key.delegated[which]?.certificate.serialNumber;
  const authority = new CertificateAuthority({
    issuer: chain.issuing,
    signer,
    ledger: stores.ledger,
    serialPrefix: config.serialPrefix,
    ends: endOfChain(chain),
  });
  const kept = [chain.root.subjectPublicKeyInfo, chain.issuing.subjectPublicKeyInfo];
  const certificate = await replaceKey(token, label, kept, async () => {
    const made = await makeKey(token, label, key.keyType);
    const publicKey = Buffer.from(made.publicKey, 'base64');
    const profiles = await readActiveProfiles(stores.profiles, config);
    const plan = delegatedPlan(which, chain.issuing, publicKey, operator(), profiles);
    const issued = await authority.issue(plan);
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
