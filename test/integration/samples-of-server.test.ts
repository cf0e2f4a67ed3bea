/**
 * The certificates of a real server with its keys in SoftHSM, its own and a device's, and its CRL, before the judges of
 * others.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import {
  bouncyCastleVerdicts,
  gnutlsComplaint,
  gnutlsCrlComplaint,
  judged,
  opensslComplaint,
  type PathFiles,
} from '../support/certification-path.ts';
import { makeKey, openssl, post, readText } from '../support/est-client.ts';

const timeout = 60_000;
const server = await BestowServer.start({
  configure: (config) => {
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
    // An arc for documentation (RFC 5612), since GnuTLS 3.7 cannot read our own.
    Object.assign(config, { endpointArc: '1.3.6.1.4.1.32473.1' });
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-samples-of-server-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const at = (name: string) => join(directory, name);
const issuing = join(server.data, 'ca', 'issuing.pem');

async function output(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await server.cli(...args);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

test('every certificate that the server has issued, and its CRL', { timeout }, async () => {
  const password = await server.password('pump-1');
  const request = makeKey().request('/CN=pump-1');
  const answer = await post(`${server.est}/simpleenroll`, server.root, request, {
    user: 'pump-1',
    password,
  });
  assert.equal(answer.status, 200, answer.body);
  await output('ca', 'crl', '--out', at('crl.der'));
  const crl = at('crl.pem');
  writeFileSync(crl, openssl(['crl', '-inform', 'DER', '-in', at('crl.der')]));
  assert.equal(await gnutlsCrlComplaint(issuing, crl), undefined);

  const records = await server.json<{ serialNumber: string; profile: string }[]>('cert', 'list');
  const own = ['cmc-responder', 'ocsp-responder', 'tls-server'];
  assert.deepEqual(records.map(({ profile }) => profile).sort(), [...own, 'device'].sort());
  const paths: { files: PathFiles; purposes: readonly string[] }[] = [];
  for (const { serialNumber, profile } of records) {
    const certificate = at(`${profile}.pem`);
    const chain = at(`${profile}-chain.pem`);
    writeFileSync(certificate, await output('cert', 'show', serialNumber, '--pem'));
    writeFileSync(chain, readText(certificate) + readText(issuing));
    const [uses = [], purposes = []] = judged[profile] ?? [];
    assert.ok(uses.length > 0 && purposes.length > 0, profile);
    const files = { anchor: issuing, certificate, chain, crls: [crl] };
    for (const use of uses)
      assert.equal(await opensslComplaint(files, use), undefined, `${profile} as ${use}`);
    for (const use of purposes)
      assert.equal(
        await gnutlsComplaint({ anchor: server.rootFile, chain }, use),
        undefined,
        `${profile} as ${use}`,
      );
    paths.push({ files, purposes });
  }
  assert.deepEqual(
    await bouncyCastleVerdicts(paths),
    paths.map(() => 'valid'),
  );
});
