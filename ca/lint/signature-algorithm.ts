import { type DerElement, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import type { Rule } from './finding.ts';
import { typeOf } from './linted-extension.ts';

const withNullParameters = new Set(
  ['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'].map(typeOf),
);
const rsassaPss = typeOf('1.2.840.113549.1.1.10');

/** RFC 4055 section 5 and 3.1, RFC 5758 section 3.2, RFC 8410 section 3, RFC 9881 section 2. */
export const parametersRule: Rule<{ readonly algorithm: DerElement }> = [
  'CRT-36',
  'The parameters of the signature algorithm are wrong: NULL with RSA PKCS#1, explicit with RSASSA-PSS, none otherwise.',
  ({ algorithm: { tag, children } }) => {
    const [type, parameters, surplus] = children;
    if (tag !== tags.sequence || type?.tag !== tags.oid || surplus) return false;
    const name = octetsKey(type.bytes);
    if (withNullParameters.has(name)) return parameters?.tag === tags.null;
    return name === rsassaPss ? parameters?.tag === tags.sequence : parameters === undefined;
  },
];
