/**
 * A whole replacement of the root's key, and of the issuing CA's with it, under a server that goes on all the while: devices
 * that enroll before, during and after, with what each of them knows.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import {
  call,
  certificateOf,
  certificatesOf,
  type DeviceKey,
  makeKey,
  openssl,
  post,
  readText,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const program = new URL('../../bin/bestow', import.meta.url).pathname;
const timeout = 120_000;
const status = { listen: '127.0.0.1:0', url: 'http://pki.example/bestow' };
const server = await BestowServer.start({
  configure: (config) => {
    Object.assign(config, { status });
  },
});
after(() => server[Symbol.asyncDispose]());
const files = mkdtempSync(join(tmpdir(), 'bestow-rollover-'));
after(() => rmSync(files, { recursive: true, force: true }));

const file = (name: string, ...pem: string[]): string => {
  const path = join(files, name);
  writeFileSync(path, pem.join(''));
  return path;
};

interface Device {
  readonly name: string;
  readonly key: DeviceKey;
  /** PEM. */
  readonly certificate: string;
}

interface Status {
  readonly of: string;
  readonly next: string;
  readonly keys: readonly {
    readonly generation: number;
    readonly state: string;
    readonly id: string;
    readonly live?: number;
  }[];
}

const oldRoot = server.root;
const rollover = (...args: string[]) => server.json<Status[]>('ca', 'rollover', ...args);
const statusOf = (all: readonly Status[], of: string) => all.find((each) => each.of === of);
const states = (all: readonly Status[], of: string) =>
  statusOf(all, of)?.keys.map(({ state }) => state);
const issuerOf = (pem: string) => new X509Certificate(pem).issuer;
const isSelfSigned = (pem: string) => {
  const certificate = new X509Certificate(pem);
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
};
const publicKey = (pem: string) =>
  new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }).toString('hex');

async function enroll(name: string, root: string): Promise<Device> {
  const key = makeKey();
  const options = { user: name, password: await server.password(name) };
  const url = `${server.est}/simpleenroll`;
  const answer = await post(url, root, key.request(`/CN=${name}`), options);
  return { name, key, certificate: certificateOf(answer) };
}

async function reenroll({ name, key, certificate }: Device, root: string): Promise<Device> {
  const next = makeKey();
  const url = `${server.est}/simplereenroll`;
  const options = { certificate, key: key.key };
  const answer = await post(url, root, next.request(`/CN=${name}`), options);
  return { name, key: next, certificate: certificateOf(answer) };
}

async function bag(root: string): Promise<string[]> {
  return certificatesOf(await call(`${server.est}/cacerts`, root));
}

/** Who issued the TLS certificate that the server shows at this moment. */
function tlsIssuer(root: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: server.port,
      servername: 'localhost',
      ca: root,
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().issuer.CN));
      socket.destroy();
    });
  });
}

/** OpenSSL's complaint about a device's certificate, for who trusts that root alone; undefined if it has none. */
function complaint(
  { certificate }: Device,
  root: string,
  untrusted: readonly string[],
  crls: readonly string[] = [],
): string | undefined {
  const lists = crls.length > 0 ? ['-crl_check'] : [];
  try {
    openssl([
      ...['verify', '-x509_strict', '-purpose', 'sslclient'],
      ...['-CAfile', file('root.pem', root), '-untrusted', file('bag.pem', ...untrusted)],
      ...[...lists, ...crls.flatMap((crl) => ['-CRLfile', crl])],
      file('device.pem', certificate),
    ]);
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error);
  }
}

const statusPath = (path: string) =>
  `${readText(join(server.data, 'run', 'status.url')).trim()}${path}`;

async function crlOf(id: string): Promise<string> {
  const answer = await fetch(statusPath(`/crl/${id}.crl`));
  assert.equal(answer.status, 200);
  const pem = openssl(['crl', '-inform', 'DER'], Buffer.from(await answer.arrayBuffer()));
  return file(`${id}.pem`, pem.toString());
}

/** What OCSP says of a device's certificate, verified by OpenSSL for who trusts its issuing CA's root. */
function ocsp({ certificate }: Device, issuing: string, root: string): string {
  const told = openssl([
    ...['ocsp', '-url', statusPath('/ocsp'), '-issuer', file('issuing.pem', issuing)],
    ...['-cert', file('asked.pem', certificate), '-CAfile', file('ocsp-root.pem', root)],
    ...['-verify_other', file('issuing.pem', issuing), '-no_nonce'],
  ]).toString();
  return /: (good|revoked|unknown)/.exec(told)?.[1] ?? told;
}

const issuingIn = (pems: readonly string[], commonName: RegExp) => {
  const found = pems.find((pem) => commonName.test(new X509Certificate(pem).subject));
  assert.ok(found, `there is no ${commonName} in /cacerts`);
  return found;
};

let before: Device;
let between: Device;
let later: Device;
let newRoot: string;
let links: string[];

test('start announces the next root with both links, and issues as before', {
  timeout,
}, async () => {
  before = await enroll('before', oldRoot);
  const all = await rollover('start', '--root');
  assert.deepEqual(states(all, 'root'), ['active', 'next']);
  assert.deepEqual(states(all, 'main'), ['active', 'next']);
  assert.match(statusOf(all, 'root')?.next ?? '', /rollover activate --root/);
  const pems = await eventually(async () => {
    const now = await bag(oldRoot);
    return now.filter(isSelfSigned).length === 2 && now;
  });
  // Two roots, two links, two issuing CAs.
  assert.equal(pems.length, 6);
  const roots = pems.filter(isSelfSigned);
  newRoot = roots.find((pem) => publicKey(pem) !== publicKey(oldRoot)) ?? '';
  links = pems.filter(
    (pem) =>
      issuerOf(pem) === issuerOf(oldRoot) &&
      /Root CA/.test(new X509Certificate(pem).subject) &&
      !isSelfSigned(pem),
  );
  assert.equal(links.length, 2);
  const ends = (pem: string) => new X509Certificate(pem).validToDate;
  assert.ok(ends(newRoot) > ends(oldRoot), 'clients know the newest root by its end');
  between = await enroll('between', oldRoot);
  assert.equal(issuerOf(between.certificate), issuerOf(before.certificate));
  await restart();
  assert.match(await tlsIssuer(oldRoot), /Issuing CA$/);
  assert.match(await tlsIssuer(newRoot), /Issuing CA$/, 'OldWithNew comes with the TLS chain');
});

test('activate switches issuance and TLS at once, for clients of either root', {
  timeout,
}, async () => {
  const alone = await server.cli('ca', 'rollover', 'activate');
  assert.match(alone.stderr, /is activated with it: use --root/);
  const all = await rollover('activate', '--root');
  assert.deepEqual(states(all, 'root'), ['retired', 'active']);
  assert.deepEqual(states(all, 'main'), ['retired', 'active']);
  await eventually(async () => /Issuing CA G2$/.test(await tlsIssuer(oldRoot)));
  assert.match(await tlsIssuer(newRoot), /Issuing CA G2$/);
  later = await enroll('later', oldRoot);
  assert.match(issuerOf(later.certificate), /Issuing CA G2$/);
  await enroll('newcomer', newRoot);
  assert.equal(server.root, newRoot, 'the copy for other programs is the new root');
});

test('devices of both generations verify each other by what /cacerts gives', {
  timeout,
}, async () => {
  const pems = await bag(oldRoot);
  assert.equal(complaint(later, oldRoot, pems), undefined);
  assert.equal(complaint(before, newRoot, pems), undefined);
  assert.equal(complaint(before, oldRoot, pems), undefined);
  assert.equal(complaint(later, newRoot, pems), undefined);
  // It is the links that do it.
  const without = pems.filter((pem) => !links.includes(pem));
  assert.match(complaint(later, oldRoot, without) ?? '', /unable to get|self-signed/);
  assert.match(complaint(before, newRoot, without) ?? '', /unable to get|self-signed/);
});

test('the conformance suite finds nothing against it', { timeout }, async () => {
  const suite = new URL('../../conformance/run.ts', import.meta.url).pathname;
  const rows = [
    'CAC-05',
    'CAC-06',
    'CAC-07',
    'CAC-11',
    ...[1, 2, 3, 4, 5, 6, 7, 9].map((n) => `ROL-0${n}`),
    'ROL-10',
  ];
  const command = `${program} otp create --device $DEVICE --json --data ${server.data}`;
  const { stdout } = await run(process.execPath, [
    ...[suite, '--json', '--url', server.origin, '--root', file('old.pem', oldRoot)],
    ...['--credential-command', command, '--only', rows.join(',')],
  ]);
  const judged: { id: string; status: string; reason?: string }[] = JSON.parse(stdout);
  assert.deepEqual(
    judged.filter(({ status: verdict }) => verdict !== 'pass'),
    [],
  );
  assert.equal(judged.length, rows.length);
});

test('a device with a certificate of the old key re-enrolls', { timeout }, async () => {
  const renewed = await reenroll(before, oldRoot);
  assert.match(issuerOf(renewed.certificate), /Issuing CA G2$/);
  // And goes on with what it has fetched since.
  const again = await reenroll(renewed, newRoot);
  assert.match(issuerOf(again.certificate), /Issuing CA G2$/);
});

test('the status of both generations is answered', { timeout }, async () => {
  const pems = await bag(newRoot);
  const { serialNumber } = new X509Certificate(between.certificate);
  await server.json('cert', 'revoke', serialNumber);
  const [first, second] = statusOf(await rollover('status'), 'main')?.keys ?? [];
  assert.ok(first && second);
  const crls = await Promise.all([crlOf(first.id), crlOf(second.id)]);
  assert.match(complaint(between, newRoot, pems, crls) ?? '', /certificate revoked/);
  assert.equal(complaint(later, oldRoot, pems, crls), undefined);
  const [old, next] = [issuingIn(pems, /Issuing CA$/), issuingIn(pems, /Issuing CA G2$/)];
  assert.equal(ocsp(between, old, oldRoot), 'revoked');
  assert.equal(ocsp(later, next, newRoot), 'good');
});

test('finish waits for the certificates of the old key, then takes it out of /cacerts', {
  timeout,
}, async () => {
  await restart();
  assert.match(await tlsIssuer(oldRoot), /Issuing CA G2$/);
  const refused = await server.cli('ca', 'rollover', 'finish', '--root');
  assert.equal(refused.exitCode, 5, refused.stderr);
  assert.match(refused.stderr, /by the key 1 of the issuer "main" are valid still \(1, /);
  await server.json('cert', 'revoke', new X509Certificate(before.certificate).serialNumber);
  const all = await rollover('finish', '--root');
  assert.deepEqual(states(all, 'root'), ['finished', 'active']);
  assert.deepEqual(states(all, 'main'), ['finished', 'active']);
  await eventually(async () => (await bag(newRoot)).length === 2);
  const [first] = statusOf(all, 'main')?.keys ?? [];
  const crl = await crlOf(first?.id ?? '');
  assert.match(openssl(['crl', '-in', crl, '-noout', '-text']).toString(), /Serial Number/);
  await restart();
  await assert.rejects(tlsIssuer(oldRoot), /unable to (get|verify)|self-signed/);
  await reenroll(later, newRoot);
});

test('the issuing CA alone gets another key under the same root', { timeout }, async () => {
  assert.deepEqual(states(await rollover('start', '--key-type', 'P-384'), 'main'), [
    'finished',
    'active',
    'next',
  ]);
  await eventually(async () => (await bag(newRoot)).length === 3);
  await rollover('activate');
  await eventually(async () => /Issuing CA G3$/.test(await tlsIssuer(newRoot)));
  const device = await enroll('third', newRoot);
  assert.match(issuerOf(device.certificate), /Issuing CA G3$/);
  const pems = await bag(newRoot);
  assert.equal(complaint(device, newRoot, pems), undefined);
  assert.equal(complaint(later, newRoot, pems), undefined);
  const refused = await server.cli('ca', 'rollover', 'finish');
  assert.equal(refused.exitCode, 5);
  const all = await rollover('finish', '--force');
  assert.deepEqual(states(all, 'main'), ['finished', 'finished', 'active']);
});

async function restart(): Promise<void> {
  assert.equal(await server.stop(), 0);
  await server.start();
}

test('an issuer that is added later is not named after a generation', { timeout }, async () => {
  await server.cli('ca', 'issuer', 'add', 'plant');
  const { subject } = await server.json<{ subject: string }>(
    ...['ca', 'show', 'issuing', '--issuer', 'plant'],
  );
  assert.match(subject, /^commonName=Bestow [0-9A-F]{6} plant Issuing CA$/);
});
