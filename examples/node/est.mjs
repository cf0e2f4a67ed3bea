// @ts-check
/** The client's side of EST (RFC 7030 section 3) over node:https: answers are bounded in time and size. */

import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} Credentials
 * @property {string} [user] with `password`: HTTP Basic
 * @property {string} [password]
 * @property {string} [certificate] PEM, with what is to be sent of its chain
 * @property {string} [key] PEM
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} body
 */

const mostOctets = 262_144;
const limitMs = 60_000;

/** What may be different in a while: the network, or a person's decision. */
export class NotNow extends Error {}

/**
 * @param {string} url
 * @param {string | undefined} root PEM, the only certificate that is trusted. Without it the server is not verified: for
 *   /cacerts alone, of which only what the fingerprint vouches for is kept (RFC 7030 section 4.1.1)
 * @param {Credentials} credentials
 * @param {Uint8Array} [body] DER
 * @returns {Promise<Answer>}
 */
export function ask(url, root, { user = '', password, certificate, key } = {}, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: body ? 'POST' : 'GET',
        ...(root === undefined ? { rejectUnauthorized: false } : { ca: root }),
        ...(certificate === undefined ? {} : { cert: certificate, key: key ?? certificate }),
        ...(password === undefined ? {} : { auth: `${user}:${password}` }),
        headers: body ? { 'Content-Type': 'application/pkcs10' } : {},
        agent: false,
        signal: AbortSignal.timeout(limitMs),
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('latin1').on('data', (part) => {
          text += part;
          if (text.length > mostOctets) incoming.destroy(new Error('The answer is too long.'));
        });
        incoming.on('error', reject);
        incoming.on('end', () => {
          const { statusCode = 0, headers } = incoming;
          resolve({ status: statusCode, headers, body: text });
        });
      },
    );
    outgoing.on('error', (cause) => reject(explain(cause, url)));
    outgoing.end(body && Buffer.from(body).toString('base64'));
  });
}

const outOfReach = /^(E(CONN|HOST|NET|AI_|TIMEDOUT|PIPE)|ENOTFOUND|ABORT_ERR)/;

/**
 * @param {Error & { code?: string }} cause
 * @param {string} url
 */
function explain(cause, url) {
  return outOfReach.test(cause.code ?? cause.name)
    ? new NotNow(`${url} is out of reach: ${cause.message}`, { cause })
    : new Error(`${url} cannot be asked: ${cause.message}`, { cause });
}

/**
 * The server's own sentence, made harmless for a terminal, and the id under which its log has the rest.
 * @param {Answer} answer
 */
export function sentenceOf({ status, headers, body }) {
  const said =
    status === 401 ? 'The credential was not accepted; only the log of the server says why.' : body;
  const id = String(headers['x-request-id']).replace(/[^\w-]/g, '');
  const sentence = `${status}: ${said
    .slice(0, 500)
    .replace(/[^ -~]+/g, ' ')
    .trim()}`;
  return sentence.includes(id) ? sentence : `${sentence} (request ${id})`;
}

/**
 * Sends a request as often as the server says "later", always the same one.
 * @param {() => Promise<Answer>} send
 * @param {number} seconds how long to go on
 * @param {(sentence: string) => void} tell
 */
export async function untilAnswered(send, seconds, tell) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await send();
    if (answer.status === 200) return answer;
    const sentence = sentenceOf(answer);
    if (answer.status !== 202 && answer.status !== 503) throw new Error(`Refused with ${sentence}`);
    const asked = Number(answer.headers['retry-after']);
    const pause = Number.isInteger(asked) && asked >= 0 && asked < 1e6 ? Math.max(asked, 1) : 60;
    if (Date.now() + pause * 1000 > end)
      throw new NotNow(`${sentence} Ask again in ${pause} seconds.`);
    tell(`${sentence} Asking again in ${pause} seconds.`);
    await sleep(pause * 1000);
  }
}
