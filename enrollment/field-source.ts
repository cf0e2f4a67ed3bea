/**
 * Where the serial number or the model stands in a factory certificate: a field, or a part of it by a pattern, as in
 * `subject:commonName=Pump-{serial}-EU`.
 */

import { CertificateError } from '../ca/certificate.ts';
import type { FactoryCertificate } from '../ca/factory-certificate.ts';
import { type FactoryField, factoryFields } from '../ca/factory-fields.ts';

export interface FieldSource {
  readonly field: FactoryField;
  /** Absent where the field is taken whole. */
  readonly pattern?: string;
}

/** What a pattern is for. */
export type Sought = 'serial' | 'model';

const longestPattern = 200;

/**
 * Reads what an operator wrote. In a pattern the placeholder and each `*` stand for one or more characters up to the next
 * character of the pattern, the last one for all that is left: there is one way to read a text, and no way to try others.
 * @throws TypeError with a sentence
 */
export function parseFieldSource(text: string, sought: Sought): FieldSource {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const field = factoryFields.find((known) => known === name);
  if (!field)
    throw new TypeError(
      `"${name}" is no field of a certificate; choose ${factoryFields.join(', ')}.`,
    );
  if (equals < 0) return { field };
  const pattern = text.slice(equals + 1);
  const problem = patternProblem(pattern, sought);
  if (problem) throw new TypeError(`The pattern "${pattern.slice(0, 80)}" ${problem}.`);
  return { field, pattern };
}

export function describeFieldSource({ field, pattern }: FieldSource): string {
  return pattern === undefined ? field : `${field}=${pattern}`;
}

function patternProblem(pattern: string, sought: Sought): string | undefined {
  const placeholder = `{${sought}}`;
  if (pattern.length > longestPattern) return `is longer than ${longestPattern} characters`;
  const pieces = piecesOf(pattern, sought);
  if (pieces.filter((piece) => piece === placeholder).length !== 1)
    return `must have ${placeholder} once`;
  const variable = (piece: string | undefined) => piece === '*' || piece === placeholder;
  return pieces.some((piece, i) => variable(piece) && variable(pieces[i + 1]))
    ? `needs a character between ${placeholder} and *, where one would end`
    : undefined;
}

function piecesOf(pattern: string, sought: Sought): string[] {
  return pattern
    .split(sought === 'serial' ? /(\{serial\}|\*)/ : /(\{model\}|\*)/)
    .filter((piece) => piece !== '');
}

/** @throws CertificateError with a sentence when the field is not there or does not fit the pattern */
export function readFieldSource(
  certificate: Pick<FactoryCertificate, 'field'>,
  { field, pattern }: FieldSource,
  sought: Sought,
): string {
  const text = certificate.field(field);
  const found = pattern === undefined ? text : capture(text, pattern, sought);
  if (found === undefined)
    throw new CertificateError(
      `The ${field} (${text.slice(0, 80)}) does not fit the pattern ${pattern}.`,
    );
  return found;
}

/** What stands at the placeholder. */
function capture(text: string, pattern: string, sought: Sought): string | undefined {
  let at = 0;
  let found: string | undefined;
  const pieces = piecesOf(pattern, sought);
  for (const [i, piece] of pieces.entries()) {
    if (piece !== '*' && piece !== `{${sought}}`) {
      if (!text.startsWith(piece, at)) return undefined;
      at += piece.length;
      continue;
    }
    const next = pieces[i + 1]?.[0];
    const end = next === undefined ? text.length : text.indexOf(next, at);
    if (end <= at) return undefined;
    if (piece !== '*') found = text.slice(at, end);
    at = end;
  }
  return at === text.length ? found : undefined;
}
