/**
 * The grammar of the Authorization header (RFC 9110 section 11.4):
 *
 *     credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
 */

/** Names of schemes and parameters are in lower case; their letter case does not count. */
export interface AuthorizationHeader {
  readonly scheme: string;
  /** One sequence of characters, as Basic has it. */
  readonly token68?: string;
  /** Parameters, as Digest has them; the values of quoted strings are without quotes and backslashes. */
  readonly parameters?: ReadonlyMap<string, string>;
}

const maxLength = 4096;
const maxParameters = 32;

const head = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +(.*))?$/s;
const token68 = /^[A-Za-z0-9\-._~+/]+=*$/;
/** The list syntax allows empty elements (RFC 9110 section 5.6.1.2). */
const separator = /[ \t]*(?:,[ \t]*)+|[ \t]*$/y;
const parameter =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)")/y;

/** @returns undefined when it is malformed, too long, or names a parameter twice */
export function readAuthorization(value: string): AuthorizationHeader | undefined {
  if (value.length > maxLength) return undefined;
  const [, scheme, rest] = head.exec(value) ?? [];
  if (scheme === undefined) return undefined;
  const name = scheme.toLowerCase();
  if (rest === undefined) return { scheme: name };
  if (token68.test(rest)) return { scheme: name, token68: rest };
  const parameters = readParameters(rest);
  return parameters && { scheme: name, parameters };
}

function readParameters(text: string): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  let at = /^[ \t,]*/.exec(text)?.[0].length ?? 0;
  while (at < text.length) {
    parameter.lastIndex = at;
    const [whole, name, token, quoted = ''] = parameter.exec(text) ?? [];
    if (whole === undefined || name === undefined) return undefined;
    const key = name.toLowerCase();
    if (parameters.has(key) || parameters.size === maxParameters) return undefined;
    parameters.set(key, token ?? quoted.replaceAll(/\\(.)/gs, '$1'));
    separator.lastIndex = at + whole.length;
    const between = separator.exec(text)?.[0];
    if (between === undefined) return undefined;
    at = separator.lastIndex;
  }
  return parameters.size > 0 ? parameters : undefined;
}
