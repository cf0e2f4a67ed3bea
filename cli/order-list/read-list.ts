/** Reads a list row by row: CSV as RFC 4180 has it, in UTF-8, of any length. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { CsvError, parse } from 'csv-parse';
import { usage } from '../exit.ts';
import { type ListRecord, readHeading, unescapeFormula } from './columns.ts';
import type { Problem } from './device-of-record.ts';

export interface ListFile {
  readonly path: string;
  /** Between the values of a row. */
  readonly delimiter: string;
  readonly ignoreUnknown: boolean;
}

export interface ListRow {
  /** As a spreadsheet counts: 1 is the heading. */
  readonly row: number;
  readonly content: ListRecord | Problem;
  /** Octets of the file read so far, about. */
  readonly octets: number;
}

/** SHA-256 of the file, hexadecimal: what a list is known by. */
export async function digestOf(path: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const octets of createReadStream(path)) digest.update(octets);
  return digest.digest('hex');
}

/** A row longer than this many characters is none. */
const longestRow = 65_536;

/** Rows but the heading; empty ones are left out. @throws CommandError when it is no CSV, or its heading will not do */
export async function* readList(file: ListFile): AsyncGenerator<ListRow> {
  const source = createReadStream(file.path);
  const parser = parse({
    bom: true,
    delimiter: file.delimiter,
    relax_column_count: true,
    max_record_size: longestRow,
  });
  source.on('error', (error) => parser.destroy(error));
  let row = 0;
  let columns: (string | undefined)[] | undefined;
  try {
    for await (const values of source.pipe(parser) as AsyncIterable<string[]>) {
      row += 1;
      if (!columns) columns = readHeading(values, file);
      else if (values.some((value) => value !== ''))
        yield { row, content: contentOf(values, columns), octets: parser.info.bytes };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw usage(`${file.path} is no CSV: ${error.message}`);
  } finally {
    source.destroy();
  }
  if (!columns) throw usage(`${file.path} is empty.`);
}

function contentOf(
  values: readonly string[],
  columns: readonly (string | undefined)[],
): ListRecord | Problem {
  if (values.length !== columns.length)
    return {
      column: '',
      reason: `The row has ${values.length} values, the heading ${columns.length}.`,
    };
  const record = new Map<string, string>();
  for (const [i, column] of columns.entries()) {
    const text = unescapeFormula(values[i]?.trim() ?? '');
    if (column === undefined || text === '') continue;
    if (text.includes('\ufffd')) return { column, reason: 'The value is not UTF-8.' };
    record.set(column, text);
  }
  return record;
}
