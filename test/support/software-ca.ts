/**
 * A CA of software signers, and plans for it to issue.
 */

import { generateKeyPairSync } from 'node:crypto';
import { makeCaCertificate } from '../../ca/ca-certificate.ts';
import type { CaCertificate } from '../../ca/ca-chain.ts';
import type { CertificatePlan } from '../../ca/certificate-plan.ts';
import {
  deviceProfile,
  issuingCaProfile,
  type Profile,
  rootCaProfile,
} from '../../ca/certificate-profile.ts';
import { readDer } from '../../ca/der.ts';
import { encodeSubject } from '../../ca/distinguished-name.ts';
import { type SoftwareKeyType, SoftwareSigner } from './software-signer.ts';

export interface SoftwareCa {
  readonly root: CaCertificate;
  readonly rootSigner: SoftwareSigner;
  readonly issuing: CaCertificate;
  readonly signer: SoftwareSigner;
}

export interface SoftwareCaOptions {
  readonly type?: SoftwareKeyType;
  readonly commonName?: string;
  readonly issuingProfile?: Profile;
  /** When the CA was set up. */
  readonly now?: Date;
}

/** A root and an issuing CA below it. */
export async function makeSoftwareCa(options: SoftwareCaOptions = {}): Promise<SoftwareCa> {
  const { type = 'P-256', commonName = 'Test Issuing CA', now = new Date() } = options;
  const rootSigner = new SoftwareSigner(type);
  const root = await makeCaCertificate({
    profile: rootCaProfile,
    commonName: 'Test Root CA',
    publicKey: rootSigner.publicKey,
    signer: rootSigner,
    now,
  });
  const signer = new SoftwareSigner(type);
  const issuing = await makeCaCertificate({
    profile: options.issuingProfile ?? issuingCaProfile,
    commonName,
    publicKey: signer.publicKey,
    signer: rootSigner,
    issuer: root,
    now,
  });
  return { root, rootSigner, issuing, signer };
}

export const devicesFor90Days = deviceProfile({ validity: '90d', endpoints: 'extension-and-sia' });

/** A fresh public key, as a plan names it. */
export function makePublicKey(): CertificatePlan['publicKey'] {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subjectPublicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const bits = readDer(subjectPublicKeyInfo).children[1];
  return { subjectPublicKeyInfo, subjectPublicKey: bits?.content.subarray(1) ?? new Uint8Array() };
}

/** A plan for the device `device-1`, issued on an operator's word unless the changes say otherwise. */
export function makePlan(changes: Partial<CertificatePlan> = {}): CertificatePlan {
  return {
    profile: devicesFor90Days,
    subject: encodeSubject({ commonName: 'device-1' }),
    subjectAltNames: [],
    publicKey: makePublicKey(),
    endpoints: ['mqtts://broker.example:8883'],
    credential: { kind: 'operator', id: 'test' },
    requestId: 'request-1',
    ...changes,
  };
}
