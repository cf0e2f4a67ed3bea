/** Rules for distinguished names: RFC 5280 sections 4.1.2.4 and 4.1.2.6, and the upper bounds of its appendix A.1. */

import { type DerElement, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import type { Rule } from './finding.ts';
import { typeOf } from './linted-extension.ts';

interface AttributeRule {
  /** String types allowed; PrintableString and UTF8String where none is said. */
  readonly tags?: readonly number[];
  /** Characters. */
  readonly longest: number;
  readonly shortest?: number;
}

const printable = [tags.printableString];
const ia5 = [tags.ia5String];

const attributeRules: Readonly<Record<string, AttributeRule>> = {
  [typeOf('2.5.4.3')]: { longest: 64 },
  [typeOf('2.5.4.5')]: { tags: printable, longest: 64 },
  [typeOf('2.5.4.6')]: { tags: printable, longest: 2, shortest: 2 },
  [typeOf('2.5.4.7')]: { longest: 128 },
  [typeOf('2.5.4.8')]: { longest: 128 },
  [typeOf('2.5.4.10')]: { longest: 64 },
  [typeOf('2.5.4.11')]: { longest: 64 },
  [typeOf('2.5.4.46')]: { tags: printable, longest: 64 },
  [typeOf('0.9.2342.19200300.100.1.25')]: { tags: ia5, longest: 63 },
  [typeOf('1.2.840.113549.1.9.1')]: { tags: ia5, longest: 255 },
};
const directoryString: readonly number[] = [tags.printableString, tags.utf8String];
const utf8 = new TextDecoder();

interface Attribute {
  readonly type: string;
  readonly tag: number;
  readonly text: string;
}

function attributesOf(name: DerElement): Attribute[] {
  return name.children.flatMap((rdn) =>
    rdn.children.flatMap(({ children: [type, value] }) =>
      type && value
        ? [{ type: octetsKey(type.bytes), tag: value.tag, text: utf8.decode(value.content) }]
        : [],
    ),
  );
}

const emailAddress = typeOf('1.2.840.113549.1.9.1');

/** The e-mail addresses in a name. */
export function emailsIn(name: DerElement): string[] {
  return attributesOf(name)
    .filter(({ type }) => type === emailAddress)
    .map(({ text }) => text);
}

function hasSortedSets(name: DerElement): boolean {
  return name.children.every(
    ({ tag, children }) =>
      tag === tags.set &&
      children.length > 0 &&
      children.every(
        ({ bytes }, i) => i === 0 || Buffer.compare(children[i - 1]?.bytes ?? bytes, bytes) < 0,
      ),
  );
}

/** Rules that a Name keeps, whoever it names. */
export const nameRules: readonly Rule<DerElement>[] = [
  [
    'CRT-12',
    'A DirectoryString must be a PrintableString or a UTF8String (RFC 5280 section 4.1.2.4).',
    (name) =>
      attributesOf(name).every(
        ({ type, tag }) =>
          attributeRules[type]?.tags !== undefined || directoryString.includes(tag),
      ),
  ],
  [
    'CRT-13',
    'countryName, serialNumber and dnQualifier must be PrintableString, domainComponent and emailAddress IA5String (RFC 5280 appendix A.1).',
    (name) =>
      attributesOf(name).every(
        ({ type, tag }) => attributeRules[type]?.tags?.includes(tag) ?? true,
      ),
  ],
  [
    'CRT-14',
    'An attribute of a name is empty or longer than its upper bound (RFC 5280 appendix A.1).',
    (name) =>
      attributesOf(name).every(({ type, text }) => {
        const { longest, shortest = 1 } = attributeRules[type] ?? { longest: 255 };
        const length = [...text].length;
        return length >= shortest && length <= longest;
      }),
  ],
  [
    'CRT-16',
    'The values of a relative distinguished name must stand in the order of their encodings (X.690 section 11.6).',
    hasSortedSets,
  ],
];
