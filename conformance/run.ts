import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EstServer } from './est-server.ts';
import { certificatesIn, decodeBase64 } from './inspect-answer.ts';
import { isSelfSigned } from './inspect-certificate.ts';
import { judge, type Outcome } from './judge.ts';
import { type LabelName, labels } from './labels.ts';
import { loadRequirements } from './load-requirements.ts';
import { notTested } from './not-tested.ts';
import { OperatorCommands } from './operator-commands.ts';
import { pem } from './self-made-certificates.ts';

const commandOptions = [
  'credential-command',
  'authority-command',
  'revoke-command',
  'approve-command',
  'reject-command',
  'decryption-key-command',
  'factory-command',
] as const;
const labelNames = Object.keys(labels) as LabelName[];

const USAGE = `usage: node conformance/run.ts --url https://HOST:PORT --credential-command 'CMD'
       [--root root.pem] [--label LABEL] [--only ID,...] [--strict] [--json]
       ${commandOptions
         .slice(1)
         .map((name) => `[--${name} 'CMD']`)
         .join('\n       ')}
       ${labelNames.map((name) => `[--${name}-label LABEL]`).join('\n       ')}
`;

async function main(): Promise<number> {
  const texts = ['url', 'root', 'label', 'only', ...commandOptions] as const;
  const { values } = parseArgs({
    options: {
      ...optionsOf(texts),
      ...optionsOf(labelNames.map((name) => `${name}-label` as const)),
      strict: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const credentialCommand = values['credential-command'];
  if (values.url === undefined || credentialCommand === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const requirements = await loadRequirements(values.only?.split(','));
  const url = new URL(values.url);
  const commands = new OperatorCommands({
    credential: credentialCommand,
    authority: values['authority-command'],
    revoke: values['revoke-command'],
    approve: values['approve-command'],
    reject: values['reject-command'],
    decryptionKey: values['decryption-key-command'],
    factory: values['factory-command'],
  });
  const given = values.root === undefined ? undefined : await readFile(values.root, 'utf8');
  const surroundings = {
    url,
    commands,
    verified: given !== undefined,
    labels: Object.fromEntries(labelNames.map((name) => [name, values[`${name}-label`]])),
  };
  const roots =
    given === undefined
      ? await fetchRoots(new EstServer({ ...surroundings, roots: [] }, values.label))
      : splitPem(given);
  // With --json, standard output is the array alone.
  const stream = values.json ? process.stderr : process.stdout;
  stream.write(announcement(url, roots, given !== undefined));

  const server = new EstServer({ ...surroundings, roots }, values.label);
  const outcomes = await judge(server, requirements, (outcome) => {
    if (!values.json) process.stdout.write(line(outcome));
  });
  if (values.json) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`);
  else summarize(outcomes, values.only === undefined, values.strict);

  const failing = values.strict ? ['fail', 'warn'] : ['fail'];
  return outcomes.some(({ status }) => failing.includes(status)) ? 1 : 0;
}

function optionsOf<Name extends string>(names: readonly Name[]) {
  const entries = names.map((name) => [name, { type: 'string' }] as const);
  return Object.fromEntries(entries) as Record<Name, { type: 'string' }>;
}

/** RFC 7030 section 4.1.1: anchors fetched without verification count only once someone checked their fingerprint. */
async function fetchRoots(server: EstServer): Promise<string[]> {
  const answer = await server.fetch('cacerts');
  if (answer.status !== 200) throw new Error(`/cacerts answered ${answer.status}`);
  const bag = certificatesIn(decodeBase64(answer.body)).map((der) => new X509Certificate(der));
  return bag.filter(isSelfSigned).map((root) => pem(root.raw));
}

function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function announcement(url: URL, roots: readonly string[], verified: boolean): string {
  const anchors = roots.map((root) => {
    const { raw, subject } = new X509Certificate(root);
    const print = createHash('sha256').update(raw).digest('hex').toUpperCase();
    const origin = verified ? 'given' : 'fetched without verification';
    return `trust anchor (${origin}): ${subject.replaceAll('\n', ', ')}\n  SHA-256 ${print}\n`;
  });
  return `EST server ${url.origin}\n${anchors.join('')}\n`;
}

function line({ status, id, level, source, title, reason }: Outcome): string {
  const why =
    reason === undefined ? '' : `\n       ${reason.trim().replaceAll(/\n\s*/g, '\n       ')}`;
  return `${status.padEnd(4)}  ${id.padEnd(8)}${level.padEnd(11)}${title} (${source})${why}\n`;
}

function summarize(outcomes: readonly Outcome[], whole: boolean, strict: boolean): void {
  if (whole) {
    process.stdout.write('\nnot tested:\n');
    for (const [id, reason] of Object.entries(notTested)) {
      process.stdout.write(`      ${id.padEnd(8)}${reason}\n`);
    }
  }
  const count = (status: Outcome['status']) => outcomes.filter((each) => each.status === status);
  const warned = count('warn').map(({ id }) => id);
  if (warned.length > 0) {
    const meaning = strict ? 'counted as failed' : 'recommendations not met';
    process.stdout.write(`\n${warned.length} warnings, ${meaning}: ${warned.join(', ')}\n`);
  }
  const failed = count('fail').length + (strict ? warned.length : 0);
  process.stdout.write(
    `\n${count('pass').length} passed, ${failed} failed, ${count('skip').length} skipped\n`,
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
