/**
 * Who may import whom (docs/decisions/0001-layers.md), checked over every module. Fails when a rule is broken, and when
 * the checker saw fewer modules than there are: a checker that reads nothing finds nothing.
 */

import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser';

const folders = ['ca', 'enrollment', 'hsm', 'storage', 'server', 'cli', 'conformance'] as const;
type Folder = (typeof folders)[number];

/** For each folder, the folders of ours it may import besides itself. */
const allowed: Record<Folder, readonly Folder[]> = {
  ca: [],
  enrollment: ['ca'],
  hsm: ['ca'],
  storage: ['ca', 'enrollment'],
  server: ['ca', 'enrollment'],
  cli: ['ca', 'enrollment', 'hsm', 'storage', 'server'],
  conformance: [],
};

/** The files of server/ that put the parts together, and so may see all of them. */
const compositionRoot =
  '^server/(start|serve|config|config-schema|key-connections|signer-processes)\\.ts$';

/** Outside packages and the only places they may be imported in. */
const packages: Record<string, string> = {
  pkijs: '^ca/',
  asn1js: '^ca/',
  pkcs11js: '^hsm/cryptoki\\.ts$',
  kysely: '^storage/',
  'node:sqlite': '^storage/',
  sqlite: '^storage/',
  express: '^server/',
  helmet: '^server/',
  commander: '^cli/',
  'mqtt-packet': '^server/events/mqtt-connection\\.ts$',
  'multicast-dns': '^server/discovery/mdns-socket\\.ts$',
};

function rules(): IConfiguration {
  const layers = folders.map((folder) => ({
    name: `${folder}-imports`,
    severity: 'error' as const,
    from: { path: `^${folder}/`, ...(folder === 'server' ? { pathNot: compositionRoot } : {}) },
    to: {
      path: `^(${folders.filter((to) => to !== folder && !allowed[folder].includes(to)).join('|')})/`,
    },
  }));
  const homes = Object.entries(packages).map(([name, home]) => ({
    name: `home-of-${name}`,
    severity: 'error' as const,
    from: { pathNot: [home, '\\.test\\.ts$', '^(test|bench|scripts)/'] },
    to: { path: `(^|/)node_modules/${name}/|^${name}(/|$)` },
  }));
  const product = { path: `^(${folders.join('|')})/`, pathNot: '\\.test\\.ts$' };
  return {
    forbidden: [
      ...layers.map((rule) => ({ ...rule, from: { ...rule.from, pathNot: withTests(rule.from) } })),
      ...homes,
      { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
      { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
      {
        name: 'no-tests-in-product',
        severity: 'error',
        from: product,
        to: { path: ['^(test|bench|scripts)/', '\\.test\\.ts$'] },
      },
      {
        name: 'cli-is-the-outermost',
        severity: 'error',
        from: {
          path: `^(${folders.filter((f) => f !== 'cli').join('|')})/`,
          pathNot: '\\.test\\.ts$',
        },
        to: { path: '^cli/' },
      },
    ],
  };
}

/** Tests may use the folders below and test/support besides what they test. */
function withTests(from: { pathNot?: string }): string[] {
  return ['\\.test\\.ts$', ...(from.pathNot ? [from.pathNot] : [])];
}

export interface LayerReport {
  readonly modules: number;
  readonly violations: readonly string[];
}

/** @param root the directory that holds the folders */
export async function checkLayers(root: string): Promise<LayerReport> {
  const present = folders.filter((folder) => readdirSync(root).includes(folder));
  const { output } = await cruise([...present], {
    baseDir: root,
    ruleSet: rules(),
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      // Some packages have more than one entry, which their `exports` alone name.
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  } as Parameters<typeof cruise>[1]);
  const result = output as ICruiseResult;
  const own = result.modules.filter(({ source }) =>
    present.some((folder) => source.startsWith(`${folder}/`)),
  );
  const violations = result.summary.violations.map(
    ({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`,
  );
  const expected = present.reduce((count, folder) => count + countModules(join(root, folder)), 0);
  if (own.length < expected)
    violations.push(`the checker saw ${own.length} of ${expected} modules`);
  return { modules: own.length, violations };
}

function countModules(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  ).length;
}

if (process.argv[1] === import.meta.filename) {
  const { modules, violations } = await checkLayers(resolve(import.meta.dirname, '..'));
  for (const violation of violations) process.stderr.write(`${violation}\n`);
  process.stdout.write(`layers: ${modules} modules, ${violations.length} violations\n`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
