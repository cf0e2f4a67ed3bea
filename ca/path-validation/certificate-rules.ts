/**
 * What certificates must say at their place in a path (RFC 5280 sections 6.1.4 and 6.1.5). Each constraint that is not
 * processed here makes the certificate unusable.
 */

import { type Certificate, extensionOf } from '../certificate.ts';
import { readDer, tags } from '../der.ts';
import { type ObjectIdentifier, octetsKey, oid, oidName } from '../object-identifiers.ts';
import { type PathFault, pathFault, subjectText } from './path-fault.ts';

/**
 * Critical extensions that are processed. No policy is demanded, so that of the policies only policyConstraints could
 * refuse a path.
 */
const processed = new Set(
  [
    oid.basicConstraints,
    oid.keyUsage,
    oid.extKeyUsage,
    oid.subjectAltName,
    oid.certificatePolicies,
    oid.policyMappings,
    oid.inhibitAnyPolicy,
  ].map(octetsKey),
);

const digitalSignature = 0x80;
const keyCertSign = 0x04;

/** What is wrong with a CA certificate, apart from its time and signature. */
export function objectionToCa(certificate: Certificate): PathFault | undefined {
  const whose = `The CA certificate of ${subjectText(certificate)}`;
  if (!isCa(certificate))
    return pathFault('not-a-ca', `${whose} is none: its basicConstraints do not say CA.`);
  if (!allows(certificate, keyCertSign))
    return pathFault('key-usage', `${whose} does not allow its key to sign certificates.`);
  if (extensionOf(certificate, 'nameConstraints'))
    return pathFault(
      'name-constraints',
      `${whose} constrains names (nameConstraints), which is not processed here.`,
    );
  if (extensionOf(certificate, 'policyConstraints'))
    return pathFault(
      'policy-constraints',
      `${whose} demands certificate policies (policyConstraints), which is not processed here.`,
    );
  return objectionToPurpose(certificate, whose) ?? objectionToUnknown(certificate, whose);
}

/** What is wrong with a device's certificate. Without extKeyUsage it is for everything, as factory certificates mostly are. */
export function objectionToDevice(certificate: Certificate): PathFault | undefined {
  const whose = `The device certificate of ${subjectText(certificate)}`;
  if (isCa(certificate)) return pathFault('ca-certificate', `${whose} is a CA certificate.`);
  if (!allows(certificate, digitalSignature))
    return pathFault('key-usage', `${whose} does not allow its key to sign (digitalSignature).`);
  return objectionToPurpose(certificate, whose) ?? objectionToUnknown(certificate, whose);
}

function objectionToPurpose(certificate: Certificate, whose: string): PathFault | undefined {
  const extension = extensionOf(certificate, 'extKeyUsage');
  if (!extension) return undefined;
  const purposes = readDer(extension.value).children.map(({ bytes }) => oidName(bytes));
  const accepted: readonly (ObjectIdentifier | undefined)[] = ['clientAuth', 'anyExtendedKeyUsage'];
  return purposes.some((purpose) => purpose && accepted.includes(purpose))
    ? undefined
    : pathFault('extended-key-usage', `${whose} is not for client authentication (extKeyUsage).`);
}

function objectionToUnknown({ extensions }: Certificate, whose: string): PathFault | undefined {
  for (const [type, { critical }] of extensions)
    if (critical && !processed.has(type))
      return pathFault(
        'unknown-critical-extension',
        `${whose} has a critical extension that is not known here.`,
      );
  return undefined;
}

function isCa(certificate: Certificate): boolean {
  const constraints = extensionOf(certificate, 'basicConstraints');
  const first = constraints && readDer(constraints.value).children[0];
  return first?.tag === tags.boolean && first.content[0] === 0xff;
}

/** How many CAs may stand between this one and the device. @returns Infinity where that is not said */
export function pathLengthOf(certificate: Certificate): number {
  const constraints = extensionOf(certificate, 'basicConstraints');
  const length = constraints && readDer(constraints.value).children[1];
  if (!length) return Number.POSITIVE_INFINITY;
  // One octet is more than any path has; a negative number can be no length.
  if ((length.content[0] ?? 0x80) >= 0x80) return 0;
  return length.content.length === 1 ? (length.content[0] ?? 0) : Number.POSITIVE_INFINITY;
}

/** RFC 5280 section 6.1.4 (n): what is not said is allowed. */
function allows(certificate: Certificate, bit: number): boolean {
  const usage = extensionOf(certificate, 'keyUsage');
  return !usage || ((readDer(usage.value).content[1] ?? 0) & bit) !== 0;
}
