/**
 * Writes docs/configuration.md from the schema in server/config-schema.ts. With --check it writes nothing and fails when the
 * page is not what the schema says.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { configSchema } from '../server/config-schema.ts';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
}

const page = resolve(import.meta.dirname, '../docs/configuration.md');

const opening = `# Configuration

\`bestow.yaml\` in the data directory. \`bestow init\` writes it, \`bestow check-config\` checks it and names every problem
with its path; a server with a problem in it does not start. Unknown keys are errors. Relative paths start at the data
directory. Durations are a number and \`s\`, \`m\`, \`h\` or \`d\`. Secrets are only ever referred to. Tenants, groups,
devices and endpoints are data, not configuration: see \`bestow tenant --help\` and \`bestow device --help\`.

This page is made from the schema in \`server/config-schema.ts\` by \`npm run docs\`.
`;

function rowsOf(schema: Schema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = path ? `${path}.${name}` : name;
    if (property.properties) return rowsOf(property, key);
    const value =
      property.default === undefined ? undefined : `\`${JSON.stringify(property.default)}\``;
    const needed = schema.required?.includes(name) && value === undefined ? 'required' : '-';
    return [`| \`${key}\` | ${value ?? needed} | ${property.description ?? ''} |`];
  });
}

function render(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  return [opening, '| key | default | meaning |', '|---|---|---|', ...rowsOf(schema, ''), ''].join(
    '\n',
  );
}

if (process.argv.includes('--check')) {
  if (readFileSync(page, 'utf8') !== render()) {
    process.stderr.write('docs/configuration.md is not what the schema says: run npm run docs\n');
    process.exitCode = 1;
  }
} else {
  writeFileSync(page, render());
}
