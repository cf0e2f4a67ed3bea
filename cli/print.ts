/** Standard output: JSON with --json, else text for people. */

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** `name: value` lines; what is undefined is left out. */
export function printFields(fields: Readonly<Record<string, unknown>>): void {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, value] of shown) print(`${`${name}:`.padEnd(width + 2)}${textOf(value)}`);
}

/** Columns of the same keys; an empty list says so. */
export function printTable(
  rows: readonly Readonly<Record<string, unknown>>[],
  nothing: string,
): void {
  const [first] = rows;
  if (!first) {
    print(nothing);
    return;
  }
  const columns = Object.keys(first);
  const lines = [columns, ...rows.map((row) => columns.map((column) => textOf(row[column])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  for (const line of lines)
    print(
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

// Names come from devices and operators: control characters must not reach a terminal.
const control = /[\u0000-\u001f\u007f-\u009f]/g;

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '-';
  const text =
    value instanceof Date
      ? value.toISOString()
      : Array.isArray(value)
        ? value.join(', ') || '-'
        : String(value);
  return text.replace(control, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
