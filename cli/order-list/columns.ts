/**
 * The columns of an order list: `id manufacturer serial tenant group region site building names`, and `context.NAME` for
 * anything else. Export writes what import reads.
 */

import { usage } from '../exit.ts';

export const fixedColumns = [
  'id',
  'manufacturer',
  'serial',
  'tenant',
  'group',
  'region',
  'site',
  'building',
  'names',
] as const;
export type FixedColumn = (typeof fixedColumns)[number];

export const contextPrefix = 'context.';

/** What stands in a row, by column; what is empty is left out. */
export type ListRecord = ReadonlyMap<string, string>;

/**
 * @param heading first row of the list
 * @returns for each place, its column, or undefined for one that is left out
 * @throws CommandError
 */
export function readHeading(
  heading: readonly string[],
  { ignoreUnknown }: { readonly ignoreUnknown: boolean },
): (string | undefined)[] {
  const names = heading.map((name) => name.trim());
  const columns = names.map((name) => (isColumn(name) ? name : undefined));
  const unknown = names.filter((name) => !isColumn(name));
  if (unknown.length > 0 && !ignoreUnknown)
    throw usage(
      `The list has columns that are not known: ${unknown.map((name) => JSON.stringify(name.slice(0, 80))).join(', ')}. Known are ${fixedColumns.join(', ')} and ${contextPrefix}NAME; --ignore-unknown leaves others out.`,
    );
  const twice = columns.find((name, i) => name !== undefined && columns.indexOf(name) !== i);
  if (twice !== undefined) throw usage(`The list has the column ${twice} twice.`);
  if (!columns.includes('id') && !(columns.includes('manufacturer') && columns.includes('serial')))
    throw usage(
      'The list needs a column id, or the columns manufacturer and serial to make it from.',
    );
  return columns;
}

function isColumn(name: string): boolean {
  return (
    fixedColumns.includes(name as FixedColumn) ||
    (name.startsWith(contextPrefix) && name.length > contextPrefix.length)
  );
}

// What a spreadsheet would take for a formula, however often it was escaped before.
const formula = /^'*[=+\-@\t\r]/;

/** A text that spreadsheets do not compute: with an apostrophe before it where it would be a formula. */
export function escapeFormula(text: string): string {
  return formula.test(text) ? `'${text}` : text;
}

/** Takes back what escapeFormula did. */
export function unescapeFormula(text: string): string {
  return text.startsWith("'") && formula.test(text.slice(1)) ? text.slice(1) : text;
}
