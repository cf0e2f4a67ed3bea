/**
 * The certificates of the server's own keys are renewed in time, while it serves.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { delegations } from '../../ca/ca-state.ts';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificatePlan } from '../../ca/certificate-plan.ts';
import { withStores } from '../../cli/data.ts';
import { openCa } from '../../cli/open-ca.ts';
import { toPem } from '../../server/data-directory.ts';
import { delegatedPlan, tlsServerPlan } from '../../server/own-certificates.ts';
import { BestowServer } from '../support/bestow.ts';
import { changeDelegatedKey, delegatedKeyIn } from '../support/delegated-key.ts';
import { openssl, readText, withFile } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 120_000;
const server = await BestowServer.init({
  configure: (config) => {
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
    Object.assign(config.est ?? {}, { workers: 2 });
  },
});
after(() => server[Symbol.asyncDispose]());
const chainFile = join(server.data, 'tls', 'server.pem');

/** Begins five minutes ago, and is due with a third of that left. */
async function issue(
  validitySeconds: number,
  planFor: (open: Awaited<ReturnType<typeof openCa>>) => CertificatePlan,
): Promise<Uint8Array> {
  return withStores({ data: server.data }, async (stores, config) => {
    const open = await openCa(config, stores);
    try {
      const { signer, chain } = open;
      const authority = new CertificateAuthority({
        issuer: chain.issuing,
        signer,
        ledger: stores.ledger,
        serialPrefix: config.serialPrefix,
      });
      const plan = planFor(open);
      const profile = { ...plan.profile, validitySeconds };
      return (await authority.issue({ ...plan, profile })).certificate;
    } finally {
      open.close();
    }
  });
}

async function putDelegated(which: 'cmc' | 'ocsp', validitySeconds: number): Promise<void> {
  const der = await issue(validitySeconds, ({ key, chain }) => {
    const { publicKey } = key.delegated[which] ?? assert.fail(`there is no ${which} key`);
    return delegatedPlan(which, chain.issuing, publicKey, 'test');
  });
  const certificate = Buffer.from(der).toString('base64');
  await changeDelegatedKey(server.data, which, { certificate });
}

async function putTls(validitySeconds: number): Promise<void> {
  const old = new X509Certificate(readFileSync(chainFile));
  const publicKey = old.publicKey.export({ type: 'spki', format: 'der' });
  const names = ['DNS:localhost', 'IP:127.0.0.1', 'DNS:est.example'];
  const der = await issue(validitySeconds, () => tlsServerPlan(names, publicKey, 'test'));
  writeFileSync(chainFile, toPem(der) + readText(join(server.data, 'ca', 'issuing.pem')));
}

const day = 86_400_000;
const left = ({ validTo }: X509Certificate) => new Date(validTo).getTime() - Date.now();

async function delegatedCertificate(which: 'cmc' | 'ocsp'): Promise<X509Certificate> {
  const { pem } = (await delegatedKeyIn(server.data, which)) ?? assert.fail();
  return new X509Certificate(pem);
}

/** What the listener shows. */
async function shownByTls(): Promise<X509Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate>();
  const socket = connect({ port: server.port, host: 'localhost', ca: server.root }, () => {
    resolve(new X509Certificate(socket.getPeerCertificate().raw));
    socket.end();
  });
  socket.on('error', reject);
  return promise;
}

test('what is due at the start is renewed over the same key; what is not is left', {
  timeout,
}, async () => {
  const cmc = await delegatedCertificate('cmc');
  await putDelegated('ocsp', 100);
  await putTls(100);
  const ocsp = await delegatedCertificate('ocsp');
  const tls = new X509Certificate(readFileSync(chainFile));
  await server.start();
  await eventually(async () => left(await delegatedCertificate('ocsp')) > 300 * day);
  await eventually(async () => left(await shownByTls()) > 300 * day);
  const [renewed, shown] = [await delegatedCertificate('ocsp'), await shownByTls()];
  assert.ok(renewed.publicKey.equals(ocsp.publicKey));
  assert.ok(shown.publicKey.equals(tls.publicKey));
  assert.equal(shown.subjectAltName, tls.subjectAltName);
  assert.equal((await delegatedCertificate('cmc')).serialNumber, cmc.serialNumber);
  const serial = renewed.serialNumber.toLowerCase();
  const onRecord = await server.json<Record<string, string>>('cert', 'show', serial);
  assert.equal(onRecord.credential, 'operator:server');
});

test('what falls due while it runs is renewed by the clock', { timeout }, async () => {
  await server.stop();
  // A third of (300 + 160) seconds is left in some seven seconds.
  await putTls(160);
  for (const which of delegations) await putDelegated(which, 160);
  await server.start();
  assert.ok(left(await shownByTls()) < day);
  const before = await delegatedCertificate('cmc');
  assert.ok(left(before) < day);
  await eventually(async () => left(await shownByTls()) > 300 * day, { timeout: 30_000 });
  for (const which of delegations)
    await eventually(async () => left(await delegatedCertificate(which)) > 300 * day, {
      timeout: 30_000,
    });
  assert.match(server.log, /"the server's TLS certificate is renewed"/);
});

test('a certificate of another CA is left alone', { timeout }, async () => {
  await server.stop();
  const key = readFileSync(join(server.data, 'tls', 'server-key.pem'));
  const foreign = withFile(key, (file) =>
    openssl(['req', '-x509', '-key', file, '-subj', '/CN=localhost', '-days', '1']),
  );
  writeFileSync(chainFile, foreign);
  await putDelegated('ocsp', 100);
  await server.start();
  // By then the round that would have renewed it is over.
  await eventually(async () => left(await delegatedCertificate('ocsp')) > 300 * day);
  await server.stop();
  assert.equal(readText(chainFile), foreign.toString());
});
