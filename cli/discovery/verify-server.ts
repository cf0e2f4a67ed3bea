/**
 * Whether an announced server has the root that is announced for it, asked as a device asks that knows nothing but a
 * fingerprint (RFC 7030 section 4.1.1): once without trust, and once more with the root that has the fingerprint.
 */

import { hash } from 'node:crypto';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { readCertificatesOf } from '../../ca/cms/read-certificates.ts';
import type { FoundServer } from '../../server/discovery/heard-servers.ts';

export interface Verification {
  readonly verdict: 'matches' | 'differs' | 'unreachable';
  /** Why, where it does not match. */
  readonly reason?: string;
}

const timeout = 5000;
const mostOctets = 1 << 18;
const mostAddresses = 4;

export async function verifyServer(server: FoundServer): Promise<Verification> {
  const { fingerprint } = server;
  if (fingerprint === undefined)
    return { verdict: 'differs', reason: 'no fingerprint is announced' };
  let body: string;
  try {
    body = await fetchCaCertificates(server);
  } catch (error) {
    return { verdict: 'unreachable', reason: messageOf(error) };
  }
  try {
    const certificates = readCertificatesOf(Buffer.from(body, 'base64'));
    const root = certificates.find((der) => hash('sha256', der, 'base64url') === fingerprint);
    if (!root)
      return { verdict: 'differs', reason: 'none of its CA certificates has the fingerprint' };
    await fetchCaCertificates(server, pemOf(root));
    return { verdict: 'matches' };
  } catch (error) {
    return { verdict: 'differs', reason: messageOf(error) };
  }
}

/** From the first of its addresses that answers. @param root PEM; without, anybody is believed to be the server */
async function fetchCaCertificates(server: FoundServer, root?: string): Promise<string> {
  let last: unknown = new Error('no address is announced');
  for (const address of server.addresses.slice(0, mostAddresses))
    try {
      return await fetchFrom(address, server, root);
    } catch (error) {
      last = error;
    }
  throw last;
}

function fetchFrom(
  address: string,
  { port, path, certificateHost, host }: FoundServer,
  root: string | undefined,
): Promise<string> {
  const name = certificateHost ?? host;
  const trust =
    root === undefined
      ? { rejectUnauthorized: false }
      : {
          ca: root,
          checkServerIdentity: (_: string, peer: Parameters<typeof checkServerIdentity>[1]) =>
            checkServerIdentity(name, peer),
        };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...{ host: address, port, path: `${path}/cacerts`, agent: false, headers: { Host: name } },
        ...(isIP(name) ? {} : { servername: name }),
        ...trust,
        signal: AbortSignal.timeout(timeout),
      },
      (incoming) => {
        if (incoming.statusCode !== 200) {
          reject(new Error(`/cacerts answered ${incoming.statusCode}`));
          outgoing.destroy();
          return;
        }
        let body = '';
        incoming.setEncoding('latin1');
        incoming.on('data', (text: string) => {
          body += text;
          if (body.length > mostOctets)
            incoming.destroy(new Error('/cacerts is longer than any chain'));
        });
        incoming.on('error', reject);
        incoming.on('end', () => resolve(body));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
