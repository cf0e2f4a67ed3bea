/**
 * Subject alternative names (RFC 5280 section 4.2.1.6) in the four forms a device can be known by.
 * In text, as operators write them: `DNS:host.example`, `IP:192.0.2.1`, `URI:urn:dev:1`, `email:a@b.example`.
 */

import { isIP } from 'node:net';
import { type DerElement, encode, latin1, tags } from './der.ts';
import { malformed } from './refusal.ts';

const forms = { email: 0x81, DNS: 0x82, URI: 0x86, IP: 0x87 } as const;
type Form = keyof typeof forms;
export type GeneralNameForm = Form;
export const generalNameForms = ['DNS', 'IP', 'URI', 'email'] as const satisfies readonly Form[];

const dnsName =
  /^(?=.{1,253}$)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const absoluteUri = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i;
const mailbox = /^[\x21-\x3f\x41-\x7e]+@[a-z0-9.-]+$/i;
const maxNames = 32;

/**
 * Brings a name an operator wrote into its canonical text.
 * @throws TypeError with a sentence when it is not one of the four forms
 */
export function canonicalGeneralName(text: string): string {
  const colon = text.indexOf(':');
  const form = (Object.keys(forms) as Form[]).find(
    (known) => known.toLowerCase() === text.slice(0, colon).toLowerCase(),
  );
  if (!form) throw new TypeError(`"${text}" must begin with DNS:, IP:, URI: or email:.`);
  const value = text.slice(colon + 1);
  if (!isValid(form, value)) throw new TypeError(`"${value}" is not a valid ${form} name.`);
  return `${form}:${form === 'DNS' ? value.toLowerCase() : form === 'IP' ? canonicalAddress(value) : value}`;
}

function isValid(form: Form, value: string): boolean {
  switch (form) {
    case 'DNS':
      return dnsName.test(value);
    case 'IP':
      return isIP(value) !== 0;
    case 'URI':
      return absoluteUri.test(value);
    case 'email':
      return mailbox.test(value);
  }
}

function canonicalAddress(text: string): string {
  return formatAddress(parseAddress(text));
}

/**
 * Reads GeneralNames into canonical text, in the order they stand.
 * @throws Refusal malformed-request on a form or value that no device certificate can carry
 */
export function readGeneralNames(names: DerElement): string[] {
  if (names.tag !== tags.sequence || names.children.length === 0)
    throw malformed('The requested subjectAltName is empty or malformed.');
  if (names.children.length > maxNames)
    throw malformed(`The requested subjectAltName has more than ${maxNames} names.`);
  return names.children.map(readGeneralName);
}

function readGeneralName({ tag, content }: DerElement): string {
  const form = (Object.keys(forms) as Form[]).find((known) => forms[known] === tag);
  if (!form)
    throw malformed('The requested subjectAltName has a name that is not DNS, IP, URI or email.');
  if (form === 'IP' && content.length !== 4 && content.length !== 16)
    throw malformed('The requested subjectAltName has an IP address of a wrong length.');
  const text = `${form}:${form === 'IP' ? formatAddress(content) : latin1(content)}`;
  try {
    return canonicalGeneralName(text);
  } catch (cause) {
    throw malformed('The requested subjectAltName has a malformed name.', { cause });
  }
}

/** Encodes canonical names as GeneralNames, DER. */
export function encodeGeneralNames(names: readonly string[]): Uint8Array {
  return encode(
    tags.sequence,
    ...names.map((name) => {
      const colon = name.indexOf(':');
      const [form, value] = [name.slice(0, colon) as Form, name.slice(colon + 1)];
      return encode(
        forms[form],
        form === 'IP' ? parseAddress(value) : Buffer.from(value, 'latin1'),
      );
    }),
  );
}

function parseAddress(text: string): Uint8Array {
  if (isIP(text) === 4) return Uint8Array.from(text.split('.'), Number);
  // The URL parser writes every IPv6 address, also one with an IPv4 tail, in its one short form of hexadecimal groups.
  const groups = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const [head = [], tail = []] = groups.map((part) => (part ? part.split(':') : []));
  const zeros = new Array<string>(8 - head.length - tail.length).fill('0');
  return Uint8Array.from(
    [...head, ...zeros, ...tail].flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

function formatAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
