/**
 * The commands that `bestow serve --walk` prints, pasted as they stand, enroll a first device.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { eventually } from '../support/eventually.ts';
import { assertIssued } from '../support/issued-certificate.ts';

/** The indented block after "paste this", indentation and comments included. */
function printedCommands(output: string): string | undefined {
  return /paste this into another terminal:\n\n((?: {2}.*\n)+)\nThe password works once/.exec(
    output,
  )?.[1];
}

/** What bash -e prints for commands that come by its standard input, as from a paste. */
function paste(commands: string, environment: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { PATH: process.env.PATH ?? '', ...environment }, timeout: 30_000 };
    const bash = execFile('bash', ['-e'], options, (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout),
    );
    bash.stdin?.end(commands);
  });
}

test('the printed walk gives a verified certificate with its endpoint', {
  timeout: 60_000,
}, async () => {
  await using server = await BestowServer.start({ serve: ['--walk'] });
  const commands = await eventually(() => printedCommands(server.log));
  // mktemp -d in the walk makes its directory here, where the test finds it.
  const directory = mkdtempSync(join(tmpdir(), 'bestow-walk-'));
  try {
    const printed = await paste(commands ?? '', { TMPDIR: directory });
    assert.match(printed, /^device\.pem: OK$/m);
    assert.match(printed, /mqtts:\/\/broker\.example:8883/);
    const [made = ''] = readdirSync(directory);
    const file = (name: string) => readFileSync(join(directory, made, name), 'utf8');
    assertIssued(file('device.pem'), {
      caCertificates: file('cacerts.pem'),
      device: 'device-1',
      key: file('device.key'),
    });
    const repeated = await paste(commands ?? '', { TMPDIR: directory }).catch(String);
    assert.match(String(repeated), /Command failed/, 'the password works once');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
