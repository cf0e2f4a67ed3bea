import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configFile } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { type Examined, type Finding, ok } from './finding.ts';

interface Rule {
  readonly path: string;
  /** Permission bits that nobody but the owner may have. */
  readonly forbidden: number;
}

const anything = 0o077;
const writing = 0o022;

export function checkFileModes(examined: Examined): Finding[] {
  const findings = rulesFor(examined).flatMap(({ path, forbidden }) => {
    if (!existsSync(path)) return [];
    const { mode } = statSync(path);
    return (mode & forbidden) === 0 ? [] : [exposed(path, forbidden)];
  });
  return findings.length > 0 ? findings : [ok('secrets and trust anchors are closed to others')];
}

function exposed(path: string, forbidden: number): Finding {
  const [can, change] = forbidden === anything ? ['read', 'go='] : ['change', 'go-w'];
  return {
    severity: 'critical',
    message: `others than its owner can ${can} ${path}`,
    action: `run chmod ${change} ${path}${can === 'read' ? ', and replace the secrets that were open' : ''}`,
  };
}

/** A file of mixed content is closed by its directory, or has to be closed itself. */
function rulesFor({ config }: Examined): Rule[] {
  const { directory, tokens, pepper, storage, events } = config;
  const paths = dataPaths(directory);
  const { pin, securityOfficerPin, serverKey } = paths;
  const brokers = Object.values(events.brokers).flatMap(({ password, key }) => [password, key]);
  const pins = Object.values(tokens).map((token) => token.pin);
  const named = [...pins, pepper, ...brokers].flatMap((secret) =>
    secret && 'file' in secret ? [secret.file] : [],
  );
  const database = ['', '-wal', '-shm'].map((suffix) => `${storage.sqlite}${suffix}`);
  const officers = [securityOfficerPin, paths.rootSecurityOfficerPin];
  const secrets = [...named, pin, ...officers, paths.pepper, serverKey];
  const mixed = [paths.softHsm, ...database].filter((path) => !isClosed(dirname(path)));
  const trusted = [directory, join(directory, configFile), paths.root, paths.issuing];
  return [
    ...[...new Set([...secrets, ...mixed])].map((path) => ({ path, forbidden: anything })),
    ...[...trusted, paths.serverChain].map((path) => ({ path, forbidden: writing })),
  ];
}

const entering = 0o011;

function isClosed(directory: string): boolean {
  return (statSync(directory).mode & entering) === 0;
}
