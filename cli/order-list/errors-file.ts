import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { stringify } from 'csv-stringify/sync';
import type { RowRefusal } from '../../enrollment/order-lists.ts';
import { escapeFormula } from './columns.ts';

/** Why rows were refused, as CSV: row, column, reason. Its length is kept with the list, to go on after it was cut short. */
export interface ErrorsFile {
  /** Octets. */
  readonly length: number;
  write(refusals: readonly RowRefusal[]): void;
  /** Takes back what was written after it had this length. */
  cut(length: number): void;
  close(): void;
}

const heading = 'row,column,reason\n';

/** @param length what it had at the end of the last batch that counts; 0 begins anew */
export function openErrorsFile(path: string, length: number): ErrorsFile {
  const file = openSync(path, length > 0 ? 'a+' : 'w', 0o600);
  const kept = fstatSync(file).size >= length ? length : 0;
  ftruncateSync(file, kept);
  let size = kept;
  const append = (text: string) => {
    size += writeSync(file, text);
  };
  if (size === 0) append(heading);
  return {
    get length() {
      return size;
    },
    write(refusals) {
      if (refusals.length === 0) return;
      append(
        stringify(refusals.map(({ row, column, reason }) => [row, column, escapeFormula(reason)])),
      );
      fsyncSync(file);
    },
    cut(to) {
      ftruncateSync(file, to);
      size = to;
    },
    close: () => closeSync(file),
  };
}

/** Where none is asked for: the first few are said, the others counted. */
export function sayErrors(say: (sentence: string) => void): ErrorsFile {
  let said = 0;
  return {
    length: 0,
    write(refusals) {
      for (const { row, column, reason } of refusals) {
        if (said < most) say(`row ${row}${column && `, ${column}`}: ${reason}`);
        if (said === most) say('… and more; --errors FILE takes them all');
        said += 1;
      }
    },
    cut: () => undefined,
    close: () => undefined,
  };
}

const most = 20;
