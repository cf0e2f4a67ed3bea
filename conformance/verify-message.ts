import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { Element } from './der.ts';
import type { EstServer } from './est-server.ts';
import { fetchCaCertificates } from './flows.ts';
import { signedData } from './inspect-answer.ts';
import { openssl } from './openssl.ts';

/** The content of a SignedData whose signature holds up to the trust anchors. */
export async function verifiedContent(
  server: EstServer,
  message: Buffer,
): Promise<{ type: Element; content: Buffer }> {
  const authorities = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
  const { code, octets, output } = await openssl(
    [
      ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', '{message}', '-purpose', 'any'],
      ...['-CAfile', '{roots}', '-certfile', '{intermediates}'],
    ],
    {
      message,
      roots: server.roots.join('\n'),
      intermediates: [...server.roots, ...authorities.map(String)].join('\n'),
    },
  );
  assert.equal(code, 0, `openssl cms -verify: ${output}`);
  const type = signedData(message).contentInfo.children[0];
  assert.ok(type);
  return { type, content: octets };
}
