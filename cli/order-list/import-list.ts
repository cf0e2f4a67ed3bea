/**
 * Brings a list into the registry, in batches: a batch is read, judged, its errors are written down, and what is good is
 * added together with how far the list is. Whenever it is cut short, it goes on after the last batch that counts.
 */

import type {
  OrderedDevice,
  OrderListProgress,
  OrderLists,
  RowRefusal,
} from '../../enrollment/order-lists.ts';
import { operator } from '../data.ts';
import { conflict } from '../exit.ts';
import { deviceOfRecord, type ListDefaults } from './device-of-record.ts';
import type { ErrorsFile } from './errors-file.ts';
import { type ListFile, type ListRow, readList } from './read-list.ts';

export interface ImportOrder {
  readonly file: ListFile;
  readonly defaults: ListDefaults;
  readonly errors: ErrorsFile;
  /** Undefined to change nothing, and say what would be refused. */
  readonly list: OrderListProgress | undefined;
  readonly progress: (octets: number, row: number) => void;
}

export interface ImportCount {
  readonly row: number;
  readonly added: number;
  readonly refused: number;
}

const batchSize = 500;
const attempts = 3;

/** @throws CommandError */
export async function importList(lists: OrderLists, order: ImportOrder): Promise<ImportCount> {
  const { file, defaults, errors, list, progress } = order;
  const rows = new RowReader(defaults);
  let count: ImportCount = list ?? { row: 1, added: 0, refused: 0 };
  const done = count.row;
  for await (const batch of batchesOf(readList(file))) {
    const through = batch.at(-1)?.row ?? done;
    const read = rows.read(batch);
    // What was done before is read for the ids alone; a batch begins where the last one ended, whatever the run.
    if (through <= done) continue;
    const after = ({ row }: { row: number }) => row > done;
    const devices = read.devices.filter(after);
    const own = read.refusals.filter(after);
    count = list
      ? await addBatch(lists, { digest: list.digest, devices, own, through }, errors)
      : await judgeBatch(lists, { devices, own, through }, errors, count);
    progress(batch.at(-1)?.octets ?? 0, through);
  }
  return count;
}

interface ReadBatch {
  readonly devices: readonly OrderedDevice[];
  /** Refusals of rows by themselves. */
  readonly own: readonly RowRefusal[];
  readonly through: number;
}

async function judgeBatch(
  lists: OrderLists,
  { devices, own, through }: ReadBatch,
  errors: ErrorsFile,
  count: ImportCount,
): Promise<ImportCount> {
  const { refused, good } = await judge(lists, devices, own, errors);
  return { row: through, added: count.added + good.length, refused: count.refused + refused };
}

async function addBatch(
  lists: OrderLists,
  { digest, devices, own, through }: ReadBatch & { digest: string },
  errors: ErrorsFile,
): Promise<ImportCount> {
  const before = errors.length;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { refused, good } = await judge(lists, devices, own, errors);
    const added = await lists.add({
      digest,
      through,
      devices: good,
      refused,
      errorsLength: errors.length,
      by: operator(),
      at: new Date(),
    });
    if (added) return added;
    errors.cut(before);
  }
  throw conflict('Others add the same devices at the same moment; --resume goes on.');
}

/** Errors are written before the batch counts: none is ever missing. */
async function judge(
  lists: OrderLists,
  devices: readonly OrderedDevice[],
  own: readonly RowRefusal[],
  errors: ErrorsFile,
): Promise<{ refused: number; good: OrderedDevice[] }> {
  const judged = devices.length > 0 ? await lists.judge(devices) : [];
  const refusals = [...own, ...judged].sort((a, b) => a.row - b.row);
  errors.write(refusals);
  const refused = new Set(refusals.map(({ row }) => row));
  return { refused: refused.size, good: devices.filter(({ row }) => !refused.has(row)) };
}

/** Rows as devices. It keeps which ids and serial numbers it has seen, and nothing else. */
class RowReader {
  readonly #defaults: ListDefaults;
  readonly #rows = new Map<string, number>();

  constructor(defaults: ListDefaults) {
    this.#defaults = defaults;
  }

  read(batch: readonly ListRow[]): { devices: OrderedDevice[]; refusals: RowRefusal[] } {
    const devices: OrderedDevice[] = [];
    const refusals: RowRefusal[] = [];
    for (const { row, content } of batch) {
      const device = 'reason' in content ? [content] : deviceOfRecord(content, this.#defaults);
      if ('id' in device) {
        const twice = this.#seenBefore({ row, device });
        if (twice) refusals.push(twice);
        else devices.push({ row, device });
      } else refusals.push(...device.map((problem) => ({ row, ...problem })));
    }
    return { devices, refusals };
  }

  #seenBefore({ row, device }: OrderedDevice): RowRefusal | undefined {
    const { id, manufacturer, serialNumber } = device;
    const first = this.#rows.get(id);
    if (first !== undefined)
      return { row, column: 'id', reason: `Device ${id} stands in row ${first} already.` };
    this.#rows.set(id, row);
    if (manufacturer === undefined || serialNumber === undefined) return undefined;
    const number = `${manufacturer}\0${serialNumber}`;
    const other = this.#rows.get(number);
    this.#rows.set(number, other ?? row);
    return other === undefined
      ? undefined
      : {
          row,
          column: 'serial',
          reason: `The serial number ${serialNumber} of ${manufacturer} stands in row ${other} already.`,
        };
  }
}

async function* batchesOf(rows: AsyncIterable<ListRow>): AsyncGenerator<ListRow[]> {
  let batch: ListRow[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
