/**
 * Distinguished names (RFC 5280 section 4.1.2.4) as far as a device needs them: read any, write few, compare two.
 */

import { type DerElement, encode, readDer, sameBytes, tags } from './der.ts';
import { type ObjectIdentifier, octetsKey, oid, oidName } from './object-identifiers.ts';
import { malformed } from './refusal.ts';

export interface NameAttribute {
  /** The attribute type where it is one we know, else its DER octets in hexadecimal. */
  readonly type: string;
  readonly text: string;
}

const readableStrings = new Set<number>([tags.utf8String, tags.printableString, tags.ia5String]);
/** A byte order mark is a character of the name like any other. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads a Name, outermost first. Multi-valued RDNs keep their values side by side.
 * @throws Refusal malformed-request on any string type but PrintableString, UTF8String and IA5String
 */
export function readName(name: DerElement): NameAttribute[] {
  if (name.tag !== tags.sequence) throw malformed('The subject is not a Name.');
  return name.children.flatMap((rdn) => {
    if (rdn.tag !== tags.set || rdn.children.length === 0)
      throw malformed('The subject has a malformed relative distinguished name.');
    return rdn.children.map(readAttribute);
  });
}

function readAttribute(attribute: DerElement): NameAttribute {
  const [type, value, surplus] = attribute.children;
  if (attribute.tag !== tags.sequence || !type || !value || surplus || type.tag !== tags.oid)
    throw malformed('The subject has a malformed attribute.');
  const known = oidName(type.bytes) ?? octetsKey(type.bytes);
  if (!readableStrings.has(value.tag))
    throw malformed(`The subject's ${known} is neither a PrintableString nor a UTF8String.`);
  return { type: known, text: utf8.decode(value.content) };
}

interface AttributeRule {
  readonly tag: number;
  /** Characters: the upper bound of RFC 5280 appendix A.1. */
  readonly longest: number;
  readonly shortest?: number;
  /** What a string of this type is made of. */
  readonly characters?: RegExp;
}

const printable = { tag: tags.printableString, characters: /^[A-Za-z0-9 '()+,\-./:=?]*$/ } as const;

const attributeRules = {
  commonName: { tag: tags.utf8String, longest: 64 },
  serialNumber: { ...printable, longest: 64 },
  organizationName: { tag: tags.utf8String, longest: 64 },
  organizationalUnitName: { tag: tags.utf8String, longest: 64 },
  localityName: { tag: tags.utf8String, longest: 128 },
  stateOrProvinceName: { tag: tags.utf8String, longest: 128 },
  countryName: { ...printable, longest: 2, shortest: 2, characters: /^[A-Z]*$/ },
  domainComponent: { tag: tags.ia5String, longest: 63, characters: /^[A-Za-z0-9-]*$/ },
  dnQualifier: { ...printable, longest: 64 },
} satisfies Partial<Record<ObjectIdentifier, AttributeRule>>;

/** The attributes that the subjects we write can have, each in the one string type we write it in. */
export const subjectAttributeRules: Readonly<Record<keyof typeof attributeRules, AttributeRule>> =
  attributeRules;

/** Writes a subject, one attribute for each RDN. @throws TypeError on an attribute that is not one of ours */
export function encodeName(attributes: readonly NameAttribute[]): Uint8Array {
  return encode(tags.sequence, ...attributes.map(rdn));
}

/** What the simplest subjects say; nothing at all in an empty one. */
export interface SubjectNames {
  readonly commonName?: string | undefined;
  readonly serialNumber?: string | undefined;
}

export function encodeSubject(subject: SubjectNames): Uint8Array {
  return encodeName(
    (['commonName', 'serialNumber'] as const).flatMap((type) => {
      const text = subject[type];
      return text === undefined ? [] : [{ type, text }];
    }),
  );
}

function rdn({ type, text }: NameAttribute): Uint8Array {
  const rule = subjectAttributeRules[type as keyof typeof subjectAttributeRules];
  if (!rule) throw new TypeError(`A subject of ours has no ${type}.`);
  const value = encode(rule.tag, Buffer.from(text, 'utf8'));
  return encode(tags.set, encode(tags.sequence, oid[type as ObjectIdentifier], value));
}

/**
 * Whether two Names (DER) are the same: octet for octet, or the same attributes in the same order with the same
 * text in PrintableString or UTF8String (RFC 5280 section 7.1, without case folding: a device id is exact).
 */
export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  if (sameBytes(a, b)) return true;
  const [one, other] = [readDer(a), readDer(b)];
  if (one.children.length !== other.children.length) return false;
  return one.children.every((rdn, i) => {
    const [left, right] = [readRdn(rdn), readRdn(other.children[i])];
    return left.length === right.length && left.every((entry, j) => entry === right[j]);
  });
}

function readRdn(rdn: DerElement | undefined): string[] {
  if (!rdn) return [];
  return readName({ ...rdn, tag: tags.sequence, children: [rdn] })
    .map(({ type, text }) => `${type}=${text}`)
    .sort();
}

const longestDescription = 200;
// What a stranger wrote must not steer the terminal or the log it is shown in.
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** For sentences and logs: `commonName=device-1, serialNumber=42`; shortened, with control characters made visible. */
export function describeName(attributes: readonly NameAttribute[]): string {
  const text = attributes.map(({ type, text }) => `${type}=${text}`).join(', ');
  const shown = text.length > longestDescription ? `${text.slice(0, longestDescription)}...` : text;
  return shown.replace(control, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
