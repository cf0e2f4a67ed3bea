/**
 * The attributes of a certificate request: RFC 2986 section 4.1 and RFC 4211 section 6 have them alike.
 */

import { type DerElement, DerError, readDer, tags } from './der.ts';
import { readDirectoryString } from './directory-string.ts';
import { type NameAttribute, readName } from './distinguished-name.ts';
import { readGeneralNames } from './general-names.ts';
import { octetsKey, oidName } from './object-identifiers.ts';
import { malformed } from './refusal.ts';

export interface RequestAttributes {
  /** Requested subjectAltName in canonical text, in its order; empty when none was requested. */
  readonly subjectAltNames: readonly string[];
  /** Values of the requested extensions, DER, by name where it is one of ours, else by the octets of the type. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  /** Attributes that state something to be verified; who calls has to verify what is there. */
  readonly challenges: Challenges;
  readonly subjectChange?: SubjectChange;
  /** The value of each attribute, likewise; of one that we do not know, the attribute itself. */
  readonly attributes: ReadonlyMap<string, DerElement>;
}

/** RFC 7030 section 3.5 and RFC 7894 section 3, as text. */
export type Challenges = { readonly [Name in (typeof challengeTypes)[number]]?: string };
const challengeTypes = [
  'challengePassword',
  'estIdentityLinking',
  'otpChallenge',
  'revocationChallenge',
] as const;

/** The names that the certificate is to have instead of those in the request (RFC 6402 section 2.8). */
export interface SubjectChange {
  /** None for an empty subject. */
  readonly subjectAttributes: readonly NameAttribute[];
  readonly subjectAltNames: readonly string[];
}

/** @param element the attributes, [0] IMPLICIT SET OF, where there are any. @throws Refusal malformed-request */
export function readRequestAttributes(element: DerElement | undefined): RequestAttributes {
  const attributes = readAttributes(element);
  const extensions = readExtensions(attributes);
  const names = extensions.get('subjectAltName');
  const change = attributes.get('changeSubjectName');
  return {
    attributes,
    extensions,
    subjectAltNames: names ? readGeneralNames(readInner(names)) : [],
    challenges: Object.fromEntries(
      challengeTypes.flatMap((type) => {
        const value = attributes.get(type);
        return value ? [[type, readChallenge(type, value)]] : [];
      }),
    ),
    ...(change ? { subjectChange: readSubjectChange(change) } : {}),
  };
}

/** Attributes by type, each at most once; the ones we know have exactly one value, others are ignored later. */
function readAttributes(attributes: DerElement | undefined): Map<string, DerElement> {
  const byType = new Map<string, DerElement>();
  if (!attributes) return byType;
  if (attributes.tag !== 0xa0) throw malformed('The attributes of the request are malformed.');
  for (const attribute of attributes.children) {
    const [type, values, surplus] = attribute.children;
    const [value, second] = values?.children ?? [];
    if (
      attribute.tag !== tags.sequence ||
      type?.tag !== tags.oid ||
      values?.tag !== tags.set ||
      surplus
    )
      throw malformed('An attribute of the request is malformed.');
    const name = oidName(type.bytes) ?? octetsKey(type.bytes);
    if (byType.has(name)) throw malformed(`The request has the attribute ${name} twice.`);
    const known = oidName(type.bytes) !== undefined;
    if (known && (!value || second))
      throw malformed(`The attribute ${name} must have exactly one value.`);
    byType.set(name, value ?? attribute);
  }
  return byType;
}

function readChallenge(type: string, value: DerElement): string {
  const text = readDirectoryString(value);
  if (text === undefined)
    throw malformed(`The attribute ${type} is not a DirectoryString of 1 to 255 characters.`);
  return text;
}

/**
 * ChangeSubjectName ::= SEQUENCE { subject Name OPTIONAL, subjectAlt GeneralNames OPTIONAL }, both untagged: a Name is a
 * SEQUENCE OF SET, GeneralNames are context-specific.
 */
function readSubjectChange({ tag, children }: DerElement): SubjectChange {
  const [first, second] = children;
  const wellFormed =
    tag === tags.sequence &&
    (children.length === 2
      ? isName(first) && isGeneralNames(second)
      : children.length === 1 && (isName(first) || isGeneralNames(first)));
  if (!wellFormed || !first)
    throw malformed(
      'The attribute changeSubjectName must hold a subject, a subjectAlt or both (RFC 6402 section 2.8).',
    );
  const subject = isName(first) ? first : undefined;
  const names = subject ? second : first;
  return {
    subjectAttributes: subject ? readName(subject) : [],
    subjectAltNames: names ? readGeneralNames(names) : [],
  };
}

function isName(element: DerElement | undefined): boolean {
  return element?.tag === tags.sequence && element.children[0]?.tag === tags.set;
}

function isGeneralNames(element: DerElement | undefined): boolean {
  return element?.tag === tags.sequence && ((element.children[0]?.tag ?? 0) & 0xc0) === 0x80;
}

/** The extensions asked for in extensionRequest (RFC 2985 section 5.4.2). */
function readExtensions(attributes: ReadonlyMap<string, DerElement>): Map<string, Uint8Array> {
  const standard = attributes.get('extensionRequest');
  if (standard && attributes.has('microsoftExtensionRequest'))
    throw malformed('The request asks for extensions in two places.');
  const extensions = standard ?? attributes.get('microsoftExtensionRequest');
  const byType = new Map<string, Uint8Array>();
  if (!extensions) return byType;
  if (extensions.tag !== tags.sequence || extensions.children.length === 0)
    throw malformed('The requested extensions are malformed.');
  for (const extension of extensions.children) {
    const [type, ...rest] = extension.children;
    const value = rest.at(-1);
    const critical = rest.length === 2 ? rest[0] : undefined;
    if (
      type?.tag !== tags.oid ||
      value?.tag !== tags.octetString ||
      rest.length > 2 ||
      (critical && critical.tag !== tags.boolean)
    )
      throw malformed('A requested extension is malformed.');
    const name = oidName(type.bytes) ?? octetsKey(type.bytes);
    if (byType.has(name)) throw malformed('The request asks for the same extension twice.');
    byType.set(name, value.content);
  }
  return byType;
}

function readInner(content: Uint8Array): DerElement {
  try {
    return readDer(content);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed(`A requested extension is not DER: ${cause.message}.`, { cause });
  }
}
