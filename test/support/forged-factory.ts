/**
 * Factory certificates and the CAs above them, put together octet by octet and signed; well-formed unless a test says
 * otherwise.
 */

import { encode, encodeTime, tags } from '../../ca/der.ts';
import { type ObjectIdentifier, oid } from '../../ca/object-identifiers.ts';
import { type CertificateParts, forgeCertificate } from './forged-certificate.ts';
import { commonName, octetString, oidOf, sequence, setOf, text } from './forged-request.ts';
import { SoftwareSigner } from './software-signer.ts';

export const yes = encode(tags.boolean, Uint8Array.of(0xff));
const small = (value: number) => encode(tags.integer, Uint8Array.of(value));

export function extension(type: ObjectIdentifier, value: Uint8Array, critical = false): Uint8Array {
  return sequence(oid[type], ...(critical ? [yes] : []), octetString(value));
}

export const keyUsage = (bits: number) =>
  extension('keyUsage', encode(tags.bitString, Uint8Array.of(trailingZeros(bits), bits)), true);
export const basicConstraints = (pathLength?: number) =>
  extension(
    'basicConstraints',
    sequence(yes, ...(pathLength === undefined ? [] : [small(pathLength)])),
    true,
  );
export const extKeyUsage = (...purposes: ObjectIdentifier[]) =>
  extension('extKeyUsage', sequence(...purposes.map((each) => oid[each])));

/** DER wants no zero bits at the end of named bits. */
function trailingZeros(bits: number): number {
  let count = 0;
  while (count < 7 && (bits & (1 << count)) === 0) count++;
  return count;
}

const caUsage = keyUsage(0x06);
const deviceUsage = keyUsage(0x80);

/** A subject of attributes in PrintableString, one for each RDN. */
export function subjectOf(...attributes: readonly [type: ObjectIdentifier, value: string][]) {
  return sequence(
    ...attributes.map(([type, value]) =>
      setOf(sequence(oid[type], text(tags.printableString, value))),
    ),
  );
}

/** An otherName hardwareModuleName (RFC 4108 section 5). */
export function hardwareModule(serial: Uint8Array, type = '1.3.6.1.4.1.6715.10.1'): Uint8Array {
  const module = sequence(oidOf(type), octetString(serial));
  return encode(0xa0, oid['id-on-hardwareModuleName'], encode(0xa0, module));
}

export const forever = encode(tags.generalizedTime, Buffer.from('99991231235959Z'));
export const at = (year: number) => encodeTime(new Date(Date.UTC(year, 0, 1)));

export interface ForgedCa {
  readonly name: string;
  readonly signer: SoftwareSigner;
  readonly der: Uint8Array;
}

/** @param issuer itself when left out */
export async function forgeCa(
  name: string,
  issuer?: ForgedCa,
  parts: CertificateParts = {},
): Promise<ForgedCa> {
  const signer = new SoftwareSigner('P-256');
  const der = await forgeCertificate({
    subject: commonName(name),
    issuer: commonName(issuer?.name ?? name),
    notBefore: at(2020),
    notAfter: forever,
    publicKey: signer.publicKey,
    signer: issuer?.signer ?? signer,
    extensions: [basicConstraints(), caUsage],
    ...parts,
  });
  return { name, signer, der };
}

export interface ForgedDevice {
  readonly der: Uint8Array;
  readonly publicKey: Uint8Array;
}

export async function forgeDevice(
  serial: string,
  issuer: ForgedCa,
  parts: CertificateParts = {},
): Promise<ForgedDevice> {
  const { publicKey } = new SoftwareSigner('P-256');
  const der = await forgeCertificate({
    subject: subjectOf(['commonName', 'Pump'], ['serialNumber', serial]),
    issuer: commonName(issuer.name),
    notBefore: at(2020),
    notAfter: forever,
    publicKey,
    signer: issuer.signer,
    extensions: [deviceUsage],
    ...parts,
  });
  return { der, publicKey };
}
