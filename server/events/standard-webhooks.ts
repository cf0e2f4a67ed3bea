/** Messages that prove where they come from: the headers of Standard Webhooks 1.0. */

import { createHmac } from 'node:crypto';

/**
 * @param id of the message; the same for each attempt to deliver it
 * @param at of the attempt: receivers refuse what is older than some minutes
 * @param keys of which the receiver knows at least one
 */
export function signatureHeaders(
  id: string,
  at: Date,
  body: string,
  keys: readonly Uint8Array[],
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signed = `${id}.${timestamp}.${body}`;
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
