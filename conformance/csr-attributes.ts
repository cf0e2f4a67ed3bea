import assert from 'node:assert/strict';
import { type Element, parseDer, TAG } from './der.ts';
import { objectIdentifier } from './der-writer.ts';
import type { EstServer } from './est-server.ts';
import { answered, decodeBase64 } from './inspect-answer.ts';
import { skip } from './skip.ts';

export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
export const REQUEST_TEMPLATE = '1.2.840.113549.1.9.16.2.61';
export const EXTENSION_TEMPLATE = '1.2.840.113549.1.9.16.2.62';

/** AttrOrOID: a type alone, or an Attribute with the set of its values (RFC 8951 section 4). */
export interface Announced {
  readonly type: Element;
  readonly values?: Element;
}

/** CertificationRequestInfoTemplate (RFC 9908 section 3.4), by its tags. */
export interface RequestTemplate {
  readonly version: Element | undefined;
  readonly subject: Element | undefined;
  readonly key: Element | undefined;
  readonly attributes: Element | undefined;
}

export function isType(element: Element | undefined, dotted: string): boolean {
  return element?.encoded.equals(objectIdentifier(dotted)) ?? false;
}

/** What /csrattrs announces; throws on anything but 200 with CsrAttrs in DER. */
export async function announced(server: EstServer): Promise<Announced[]> {
  const answer = await server.fetch('csrattrs');
  answered(answer, 200, 'GET /csrattrs');
  return readCsrAttributes(decodeBase64(answer.body));
}

export function readCsrAttributes(der: Buffer): Announced[] {
  const list = parseDer(der);
  assert.equal(list.tag, TAG.sequence, 'CsrAttrs is no SEQUENCE');
  return list.children.map(readAttribute);
}

function readAttribute(element: Element): Announced {
  if (element.tag === TAG.objectIdentifier) return { type: element };
  const [type, values, ...more] = element.children;
  assert.ok(
    element.tag === TAG.sequence &&
      type?.tag === TAG.objectIdentifier &&
      values?.tag === TAG.set &&
      more.length === 0,
    `neither an OBJECT IDENTIFIER nor an Attribute: ${element.encoded.toString('hex')}`,
  );
  return { type, values };
}

/** The Attributes of a type; a type alone is none. */
export function attributesOf(list: readonly Announced[], dotted: string): Element[] {
  return list.flatMap(({ type, values }) => (isType(type, dotted) && values ? [values] : []));
}

/** The one value of an Attribute that may be there once and have one value. */
export function onlyValue(list: readonly Announced[], dotted: string): Element | undefined {
  const found = attributesOf(list, dotted);
  assert.ok(found.length <= 1, `there are ${found.length} Attributes of type ${dotted}`);
  const [values] = found;
  if (values === undefined) return undefined;
  assert.equal(values.children.length, 1, `number of values in the Attribute of type ${dotted}`);
  return values.children[0];
}

export function requestTemplate(list: readonly Announced[]): RequestTemplate | undefined {
  const value = onlyValue(list, REQUEST_TEMPLATE);
  if (value === undefined) return undefined;
  assert.equal(value.tag, TAG.sequence, 'the template is no SEQUENCE');
  const [version, ...rest] = value.children;
  const tagged = (tag: number) => rest.find((element) => element.tag === tag);
  const order = rest.map(({ tag }) => [TAG.sequence, 0xa0, 0xa1].indexOf(tag));
  assert.ok(
    order.every((place, index) => place > (order[index - 1] ?? -1)),
    `the fields of the template are not those of RFC 9908: ${value.encoded.toString('hex')}`,
  );
  return { version, subject: tagged(TAG.sequence), key: tagged(0xa0), attributes: tagged(0xa1) };
}

export function templateAttributes({ attributes }: RequestTemplate): Announced[] {
  return (attributes?.children ?? []).map(readAttribute);
}

/** The template of the label `profile`; skips the case if the server sends the list alone, as it may. */
export async function profileTemplate(server: EstServer): Promise<RequestTemplate> {
  const list = await announced(server.label('profile'));
  return requestTemplate(list) ?? skip('there is no template in the answer');
}
