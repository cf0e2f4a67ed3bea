/** The layer check sees what it should: a planted violation turns it red, and so does a checker that reads nothing. */

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { checkLayers } from '../../scripts/check-layers.ts';

const root = resolve(import.meta.dirname, '../..');
const copy = mkdtempSync(join(tmpdir(), 'bestow-layers-'));
after(() => rmSync(copy, { recursive: true, force: true }));
for (const folder of ['ca', 'enrollment', 'hsm', 'storage', 'server', 'cli'])
  cpSync(join(root, folder), join(copy, folder), {
    recursive: true,
    filter: (path) => !path.endsWith('.test.ts'),
  });
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

const violations = {
  'ca/planted.ts': ["import '../storage/stores.ts';", /ca-imports/],
  'enrollment/planted.ts': ["import '../hsm/find-key.ts';", /enrollment-imports/],
  'hsm/planted.ts': [
    "import type { Device } from '../enrollment/device.ts';\nexport type D = Device;",
    /hsm-imports/,
  ],
  'server/planted.ts': ["import '../storage/stores.ts';", /server-imports/],
  'enrollment/planted-package.ts': ["import 'express';", /home-of-express/],
  'hsm/planted-package.ts': ["import 'pkcs11js';", /home-of-pkcs11js/],
  'server/planted-sqlite.ts': ["import 'node:sqlite';", /home-of-.*sqlite/],
  'ca/planted-cycle.ts': ["import './planted-cycle-other.ts';", /no-cycles/],
  'storage/planted-cli.ts': ["import '../cli/print.ts';", /cli-is-the-outermost|storage-imports/],
} as const;

test('the tree as it is has no violation', async () => {
  const { violations: found, modules } = await checkLayers(copy);
  assert.deepEqual(found, []);
  assert.ok(modules > 80, `only ${modules} modules were seen`);
});

for (const [file, [source, expected]] of Object.entries(violations))
  test(`${file} is found out`, async () => {
    const planted = join(copy, file);
    mkdirSync(dirname(planted), { recursive: true });
    writeFileSync(planted, `${source}\nexport const planted = 1;\n`);
    const other = join(copy, 'ca/planted-cycle-other.ts');
    if (file === 'ca/planted-cycle.ts')
      writeFileSync(other, "import './planted-cycle.ts';\nexport const other = 1;\n");
    try {
      const { violations: found } = await checkLayers(copy);
      assert.ok(
        found.some((violation) => expected.test(violation)),
        found.join('\n') || 'nothing was found',
      );
    } finally {
      rmSync(planted);
      rmSync(other, { force: true });
    }
  });
