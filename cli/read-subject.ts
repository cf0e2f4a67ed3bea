/**
 * The subject of a CA as an operator writes it: `C=DE, O=Acme, CN=Acme Devices CA`, outermost first, as it is encoded and as
 * `openssl x509 -subject` prints it.
 */

import { encodeName } from '../ca/distinguished-name.ts';
import { renderSubject, type SubjectAttribute } from '../ca/subject-template.ts';

const attributeTypes: Readonly<Record<string, SubjectAttribute>> = {
  C: 'countryName',
  ST: 'stateOrProvinceName',
  L: 'localityName',
  O: 'organizationName',
  OU: 'organizationalUnitName',
  DC: 'domainComponent',
  CN: 'commonName',
  SERIALNUMBER: 'serialNumber',
};

/** @returns Name, DER. @throws TypeError with a sentence */
export function readSubject(text: string): Uint8Array {
  const attributes = text
    .split(/(?<!\\),/)
    .map((part) => readAttribute(part.replaceAll('\\,', ',').trim()));
  if (!attributes.some(({ type }) => type === 'commonName'))
    throw new TypeError('The subject of a CA has a common name: CN=...');
  return encodeName(renderSubject(attributes, {}));
}

function readAttribute(text: string): { type: SubjectAttribute; text: string } {
  const [, name = '', value = ''] = /^([A-Za-z]+)\s*=\s*(.*)$/.exec(text) ?? [];
  const type = attributeTypes[name.toUpperCase()];
  if (!type)
    throw new TypeError(
      `"${text}" is not an attribute of a subject: write TYPE=text, with one of ${Object.keys(attributeTypes).join(', ')}, and \\, for a comma in the text.`,
    );
  return { type, text: value };
}
