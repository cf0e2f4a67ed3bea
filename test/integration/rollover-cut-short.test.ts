/** What a replacement of a key leaves behind that did not come to its end, and that it comes to its end after all. */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { openNamedToken } from '../../cli/open-ca.ts';
import { makeKey as makeTokenKey } from '../../cli/set-up-ca.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, makeKey, post, readText } from '../support/est-client.ts';

const timeout = 60_000;
const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

interface Status {
  readonly of: string;
  readonly keys: readonly { readonly generation: number; readonly state: string }[];
}

const keysOf = (all: readonly Status[], of: string) =>
  all.find((each) => each.of === of)?.keys.map(({ generation, state }) => `${generation} ${state}`);
const tlsCertificate = () => new X509Certificate(readText(join(server.data, 'tls', 'server.pem')));

function onDatabase<T>(work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(server.data, 'bestow.db'));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

test('a key that nothing names is left where it is', { timeout }, async () => {
  await withStores({ data: server.data }, async (_stores, config) => {
    const token = openNamedToken(config, 'default');
    try {
      await makeTokenKey(token, 'main-2', 'P-256');
    } finally {
      token.close();
    }
  });
  const all = await server.json<Status[]>('ca', 'rollover', 'start');
  assert.deepEqual(keysOf(all, 'main'), ['1 active', '3 next']);
});

test('what the root signed is in the audit log', () => {
  const row = onDatabase((database) =>
    database
      .prepare("select object, details from audit_log where action = 'ca.rollover-started'")
      .get(),
  ) as { object: string; details: string };
  const { certificates } = JSON.parse(row.details);
  assert.equal(row.object, 'main');
  assert.match(certificates[0].subject, /Issuing CA G3$/);
  assert.match(certificates[0].serialNumber, /^01[0-9a-f]{34}$/);
  assert.match(certificates[0].fingerprint, /^([0-9A-F]{2}:){31}/);
});

test('an activation that is cut short before its last step changes nothing that clients see', {
  timeout,
}, async () => {
  const before = tlsCertificate();
  onDatabase((database) =>
    database.exec(
      "create trigger cut_short before insert on ca_state begin select raise(abort, 'cut short'); end",
    ),
  );
  const { exitCode } = await server.cli('ca', 'rollover', 'activate');
  assert.notEqual(exitCode, 0);
  onDatabase((database) => database.exec('drop trigger cut_short'));
  const all = await server.json<Status[]>('ca', 'rollover', 'status');
  assert.deepEqual(keysOf(all, 'main'), ['1 active', '3 next']);
  // The certificate is by the next key already, which is announced: the server starts with it.
  assert.match(tlsCertificate().issuer, /G3$/);
  assert.ok(tlsCertificate().publicKey.equals(before.publicKey), 'the key stays in its file');
  assert.equal(tlsCertificate().subjectAltName, before.subjectAltName);
  await server.start();
  const options = { user: 'pump', password: await server.password('pump') };
  const request = makeKey().request('/CN=pump');
  const answer = await post(`${server.est}/simpleenroll`, server.root, request, options);
  assert.match(new X509Certificate(certificateOf(answer)).issuer, /Issuing CA$/);
  await server.stop();
});

test('it is run again, and done', { timeout }, async () => {
  const all = await server.json<Status[]>('ca', 'rollover', 'activate');
  assert.deepEqual(keysOf(all, 'main'), ['1 retired', '3 active']);
  assert.match(tlsCertificate().issuer, /G3$/);
});

test('of two at the same time, one replaces the key', { timeout }, async () => {
  const both = await Promise.all([1, 2].map(() => server.cli('ca', 'rollover', 'start')));
  const [done, refused] = both.toSorted((a, b) => a.exitCode - b.exitCode);
  assert.equal(done?.exitCode, 0, done?.stderr);
  assert.notEqual(refused?.exitCode, 0);
  assert.match(refused?.stderr ?? '', /Another command is replacing a key|has a key that is next/);
  const all = await server.json<Status[]>('ca', 'rollover', 'status');
  assert.deepEqual(keysOf(all, 'main'), ['1 retired', '3 active', '4 next']);
});
