/**
 * RFC 5280 section 6.1: from a trust anchor down to a device, one certificate after the other. No policy is demanded,
 * and revocation is not asked for: whoever holds a factory certificate gets nothing but what the registry has for it.
 */

import type { Certificate } from '../certificate.ts';
import { readDer, sameBytes } from '../der.ts';
import { type PublicKey, readPublicKey } from '../key-rules.ts';
import { Refusal } from '../refusal.ts';
import { objectionToCa, objectionToDevice, pathLengthOf } from './certificate-rules.ts';
import { isSignedBy, signatureSchemeOf } from './certificate-signature.ts';
import type { PossiblePath } from './find-paths.ts';
import { type PathFault, pathFault, subjectText } from './path-fault.ts';

/** @returns what is wrong with the path at that time, or undefined */
export async function validatePath(
  { anchor, certificates }: PossiblePath,
  now: Date,
): Promise<PathFault | undefined> {
  const outOfTime = objectionToTime(anchor.certificate, now);
  if (outOfTime) return outOfTime;
  let issuerKey = anchor.publicKey;
  let casLeft = pathLengthOf(anchor.certificate);
  for (const [i, certificate] of certificates.entries()) {
    const wrong =
      (await objectionToSignature(certificate, issuerKey)) ?? objectionToTime(certificate, now);
    if (wrong) return wrong;
    if (i === certificates.length - 1) return objectionToDevice(certificate);
    const objection = objectionToCa(certificate);
    if (objection) return objection;
    if (!isSelfIssued(certificate) && casLeft-- <= 0) return tooManyBelow(certificate);
    casLeft = Math.min(casLeft, pathLengthOf(certificate));
    const key = readKey(certificate);
    if ('code' in key) return key;
    issuerKey = key;
  }
  return undefined;
}

/** RFC 5280 section 4.1.2.5: 99991231235959Z says that there is no end. */
function objectionToTime(certificate: Certificate, now: Date): PathFault | undefined {
  const { notBefore, notAfter } = certificate;
  const whose = `The certificate of ${subjectText(certificate)}`;
  if (now < notBefore)
    return pathFault('not-yet-valid', `${whose} is not valid before ${notBefore.toISOString()}.`);
  if (now > notAfter)
    return pathFault('expired', `${whose} has expired (${notAfter.toISOString()}).`);
  return undefined;
}

async function objectionToSignature(
  certificate: Certificate,
  issuerKey: PublicKey,
): Promise<PathFault | undefined> {
  const whose = `The certificate of ${subjectText(certificate)}`;
  const scheme = signatureSchemeOf(certificate);
  if (!scheme)
    return pathFault(
      'weak-signature',
      `${whose} is signed with an algorithm that is not accepted: SHA-256, SHA-384 or SHA-512 is wanted, and neither SHA-1 nor MD5.`,
    );
  return (await isSignedBy(certificate, scheme, issuerKey))
    ? undefined
    : pathFault('bad-signature', `${whose} is not signed by the key of the issuer that it names.`);
}

/** The key of a certificate, held to the rules for keys of devices. */
export function readKey(certificate: Certificate): PublicKey | PathFault {
  try {
    return readPublicKey(readDer(certificate.subjectPublicKeyInfo));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return pathFault(
      'weak-key',
      `The key of ${subjectText(certificate)} does not do: ${error.message}`,
    );
  }
}

/** RFC 5280 section 6.1.4 (l): a CA that changes its own key takes no place in the count. */
function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return sameBytes(subject, issuer);
}

function tooManyBelow(certificate: Certificate): PathFault {
  return pathFault(
    'path-too-long',
    `A CA above allows no further CA below it (pathLenConstraint), and there is ${subjectText(certificate)}.`,
  );
}
