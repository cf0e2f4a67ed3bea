/**
 * Where factory certificates say what device they are of: attributes of the subject (RFC 8995 section 2.3.1), and the
 * hardwareModuleName in the subject alternative names (RFC 4108 section 5, IEEE 802.1AR).
 */

import { type Certificate, CertificateError, extensionOf } from './certificate.ts';
import { type DerElement, latin1, readDer, sameBytes, tags } from './der.ts';
import { readDirectoryString } from './directory-string.ts';
import { type ObjectIdentifier, octetsKey, oid } from './object-identifiers.ts';

const subjectAttributes = {
  'subject:serialNumber': 'serialNumber',
  'subject:commonName': 'commonName',
  'subject:organizationName': 'organizationName',
  'subject:organizationalUnitName': 'organizationalUnitName',
} as const satisfies Record<string, ObjectIdentifier>;

/**
 * hwSerialNum is octets: as text where they are printable, or in hexadecimal (lower case). Which one is the operator's to
 * say: guessed, the octet 00 and the text "00" would be one number. hwType is an object identifier in dotted numbers.
 */
const hardwareFields = {
  'san:hwSerialNum': ({ serial }: HardwareModule) => {
    const text = latin1(serial);
    if (!/^[\x20-\x7e]+$/.test(text))
      throw new CertificateError('The hwSerialNum is no text: read it with san:hwSerialNum-hex.');
    return text;
  },
  'san:hwSerialNum-hex': ({ serial }: HardwareModule) => octetsKey(serial),
  'san:hwType': ({ type }: HardwareModule) => dottedOf(type),
} as const;

export type FactoryField = keyof typeof subjectAttributes | keyof typeof hardwareFields;
export const factoryFields = [
  ...Object.keys(subjectAttributes),
  ...Object.keys(hardwareFields),
] as readonly FactoryField[];

/** @throws CertificateError with a sentence */
export function fieldOf(certificate: Certificate, field: FactoryField): string {
  if (isSubjectField(field)) return attributeOf(certificate, subjectAttributes[field], field);
  return hardwareFields[field](hardwareModuleOf(certificate));
}

function isSubjectField(field: FactoryField): field is keyof typeof subjectAttributes {
  return Object.hasOwn(subjectAttributes, field);
}

function attributeOf({ subject }: Certificate, type: ObjectIdentifier, field: string): string {
  const values = readDer(subject).children.flatMap((rdn) =>
    rdn.children.flatMap(({ children: [name, value] }) =>
      name && value && sameBytes(name.bytes, oid[type]) ? [value] : [],
    ),
  );
  const text = readDirectoryString(one(values, field));
  if (text === undefined) throw new CertificateError(`The ${field} is no text.`);
  return text;
}

interface HardwareModule {
  /** Content of the OBJECT IDENTIFIER. */
  readonly type: Uint8Array;
  readonly serial: Uint8Array;
}

function hardwareModuleOf(certificate: Certificate): HardwareModule {
  const names = extensionOf(certificate, 'subjectAltName');
  const values = (names ? readDer(names.value).children : []).flatMap(
    ({ tag, children: [type, value] }) =>
      tag === 0xa0 && type && value && sameBytes(type.bytes, oid['id-on-hardwareModuleName'])
        ? [value]
        : [],
  );
  const value = one(values, 'hardwareModuleName in the subjectAltName');
  const [module, surplus] = value.children;
  const [type, serial, more] = module?.children ?? [];
  if (
    value.tag !== 0xa0 ||
    surplus ||
    module?.tag !== tags.sequence ||
    type?.tag !== tags.oid ||
    serial?.tag !== tags.octetString ||
    more
  )
    throw new CertificateError('The hardwareModuleName is malformed (RFC 4108 section 5).');
  return { type: type.content, serial: serial.content };
}

/** What stands twice says nothing. */
function one(values: readonly DerElement[], what: string): DerElement {
  const [value, second] = values;
  if (!value) throw new CertificateError(`The certificate has no ${what}.`);
  if (second) throw new CertificateError(`The certificate has more than one ${what}.`);
  return value;
}

/** X.690 section 8.19. */
function dottedOf(content: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of content) {
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    if (octet >= 0x80) continue;
    if (arcs.length === 0) {
      const first = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(first, arc - first * 40n);
    } else arcs.push(arc);
    arc = 0n;
  }
  return arcs.join('.');
}
