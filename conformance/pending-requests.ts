import { certificateRequest, ecKey } from './certificate-requests.ts';
import { bindingOf, linkedBy, postBound } from './channel-binding.ts';
import type { EstServer } from './est-server.ts';
import type { HttpAnswer } from './http-answer.ts';

/** The answers on the way to a decision, in the order in which they came. */
export interface Approved {
  readonly first: HttpAnswer;
  /** To the same octets at once. */
  readonly again: HttpAnswer;
  /** To a request for another key, after the approval. */
  readonly otherKey: HttpAnswer;
  /** To a request made anew with the first key, and linked to its own connection. */
  readonly remade: HttpAnswer;
}

export interface Rejected {
  readonly first: HttpAnswer;
  readonly rejected: HttpAnswer;
}

const approved = new WeakMap<EstServer, Promise<Approved>>();
const rejected = new WeakMap<EstServer, Promise<Rejected>>();

/** A request that a person approves; gathered once, since several rows look at the same answers. */
export function approvedRequest(server: EstServer): Promise<Approved> {
  const view = server.label('approval');
  const known = approved.get(view) ?? approve(view);
  approved.set(view, known);
  return known;
}

/** A request that a person rejects. */
export function rejectedRequest(server: EstServer): Promise<Rejected> {
  const view = server.label('approval');
  const known = rejected.get(view) ?? reject(view);
  rejected.set(view, known);
  return known;
}

async function approve(server: EstServer): Promise<Approved> {
  const applicant = await server.newcomer();
  const { device, credential } = applicant;
  const key = ecKey();
  const request = certificateRequest(device, key);
  const first = await server.post('simpleenroll', request, { credential });
  const again = await server.post('simpleenroll', request, { credential });
  await server.commands.decide('approve', device);
  const other = certificateRequest(device, ecKey());
  const otherKey = await server.post('simpleenroll', other, { credential });
  const attributes = linkedBy(bindingOf);
  const remade = await postBound(server, { applicant, key, attributes });
  return { first, again, otherKey, remade };
}

async function reject(server: EstServer): Promise<Rejected> {
  const { device, credential } = await server.newcomer();
  const request = certificateRequest(device, ecKey());
  const first = await server.post('simpleenroll', request, { credential });
  await server.commands.decide('reject', device);
  return { first, rejected: await server.post('simpleenroll', request, { credential }) };
}

/** Seconds until the client may ask again, or undefined if Retry-After is missing or not understood. */
export function retryAfter({ headers }: HttpAnswer): number | undefined {
  const value = headers['retry-after'] ?? '';
  if (/^\d+$/.test(value)) return Number(value);
  const date = / GMT$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
