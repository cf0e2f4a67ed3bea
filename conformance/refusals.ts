import {
  base64Lines,
  certificateRequest,
  ecKey,
  withBrokenSignature,
} from './certificate-requests.ts';
import type { EstServer, RequestOptions } from './est-server.ts';
import { postAnonymously } from './flows.ts';
import type { HttpAnswer } from './http-answer.ts';

export interface Refusal {
  readonly what: string;
  readonly answer: HttpAnswer;
}

const gathered = new WeakMap<EstServer, Promise<Refusal[]>>();

/** One answer to each kind of faulty request; gathered once, since several rows look at the same answers. */
export function refusals(server: EstServer): Promise<Refusal[]> {
  const known = gathered.get(server) ?? gather(server);
  gathered.set(server, known);
  return known;
}

async function gather(server: EstServer): Promise<Refusal[]> {
  const { device, ...applicant } = await server.applicant();
  const { device: other } = await server.newcomer();
  const request = certificateRequest(device, ecKey());
  const body = base64Lines(request);
  const post = (options: RequestOptions) =>
    server.fetch('simpleenroll', { ...applicant, body, ...options });
  const send = (der: Buffer) => server.post('simpleenroll', der, applicant);
  const answers: Record<string, Promise<HttpAnswer>> = {
    'not base64': post({ body: '{"this is": "not base64"}' }),
    'not DER': send(Buffer.from('this is not DER')),
    'bad signature': send(withBrokenSignature(request)),
    'no credentials': postAnonymously(server),
    'wrong name': send(certificateRequest(other, ecKey())),
    'unknown operation': server.fetch('no-such-operation', applicant),
    'wrong method': server.fetch('cacerts', { method: 'PUT', body: '' }),
    'too large': post({ body: `${'A'.repeat(63)}\n`.repeat(16_384) }),
    'wrong media type': post({ headers: { 'Content-Type': 'text/plain' } }),
  };
  return Promise.all(
    Object.entries(answers).map(async ([what, answer]) => ({ what, answer: await answer })),
  );
}
