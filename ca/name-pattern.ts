/**
 * Patterns of subject alternative names: `DNS:{device}.plant.example`, or `DNS:*.example` where `*` stands for one or more
 * characters, neither dot nor slash.
 */

import { type GeneralNameForm, generalNameForms } from './general-names.ts';
import {
  describePlaceholders,
  fillPlaceholders,
  isPlaceholder,
  placeholdersIn,
  type TemplateValues,
} from './subject-template.ts';

/** The form of a name in canonical text, or of a pattern. */
export function formOf(name: string): GeneralNameForm | undefined {
  const form = name.slice(0, name.indexOf(':'));
  return generalNameForms.find((known) => known === form);
}

/** @returns why a text is no pattern, or undefined */
export function patternProblem(
  pattern: string,
  placeholders: readonly string[],
): string | undefined {
  if (!formOf(pattern))
    return `"${pattern}" must begin with ${generalNameForms.map((form) => `${form}:`).join(', ')}.`;
  const unknown = pattern.match(/\{[^}]*\}?|\}/g)?.find((each) => !isWritten(each, placeholders));
  if (unknown)
    return `"${unknown}" stands for nothing; there are ${describePlaceholders(placeholders)}.`;
  return undefined;
}

/** Nothing is left out of a pattern: there is no `{serial?}` here. */
function isWritten(text: string, placeholders: readonly string[]): boolean {
  const [name] = placeholdersIn([text]);
  return name !== undefined && text === `{${name}}` && isPlaceholder(name, placeholders);
}

/** A pattern with a placeholder that has no value matches nothing. */
export function matchesPattern(name: string, pattern: string, values: TemplateValues): boolean {
  const form = formOf(pattern);
  if (form === undefined || formOf(name) !== form) return false;
  // Cut at the wildcards and compared piece by piece: backtracking over two dozen wildcards would take for ever.
  const pieces = filled(pattern, values)?.split('*');
  if (!pieces) return false;
  const dns = form === 'DNS';
  return matchesPieces(
    name,
    dns ? pieces.map((piece, i) => (i === 0 ? lowerValue(piece) : piece.toLowerCase())) : pieces,
  );
}

/** The value of a DNS name is canonical in small letters, its form is not. */
function lowerValue(piece: string): string {
  const colon = piece.indexOf(':') + 1;
  return piece.slice(0, colon) + piece.slice(colon).toLowerCase();
}

function filled(pattern: string, values: TemplateValues): string | undefined {
  const complete = placeholdersIn([pattern]).every((name) => values[name]?.includes('*') === false);
  return complete ? fillPlaceholders(pattern, values) : undefined;
}

/** Each wildcard ends at a dot, a slash or where the next piece may begin, so all ends are tried from left to right. */
function matchesPieces(name: string, [first = '', ...rest]: readonly string[]): boolean {
  if (!name.startsWith(first)) return false;
  let ends = new Set([first.length]);
  for (const [i, piece] of rest.entries()) {
    const next = new Set<number>();
    for (const end of ends)
      for (let at = end + 1; at <= name.length && !'./'.includes(name.charAt(at - 1)); at++)
        if (name.startsWith(piece, at)) next.add(at + piece.length);
    if (next.size === 0) return false;
    ends = next;
    if (i === rest.length - 1) return ends.has(name.length);
  }
  return ends.has(name.length);
}
