/**
 * Whatever is sent to any operation, it is answered, and never by a fault.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { digest } from '../support/digest-client.ts';
import { basic } from '../support/raw-tls.ts';
import { type Answer, EstConnections } from './est-connection.ts';
import {
  type Body,
  type Credentials,
  cmcBodies,
  type Header,
  requestBodies,
  someCredentials,
  someHeader,
} from './est-messages.ts';
import {
  type Client,
  deviceOf,
  EstService,
  labels,
  type Password,
  registrationAuthority,
} from './est-service.ts';
import { mutated, mutatedText } from './mutation.ts';
import { search, timeFor } from './search.ts';

const operations = {
  simpleenroll: { type: 'application/pkcs10', bodies: requestBodies, share: 0.12 },
  simplereenroll: { type: 'application/pkcs10', bodies: requestBodies, share: 0.08 },
  serverkeygen: { type: 'application/pkcs10', bodies: requestBodies, share: 0.08 },
  fullcmc: {
    type: 'application/pkcs7-mime; smime-type=CMC-request',
    bodies: cmcBodies,
    share: 0.14,
  },
} as const;
const getOperations = ['cacerts', 'csrattrs', 'pal', 'eecerts', 'crls'] as const;

interface EstRequest {
  readonly method: string;
  readonly path: string;
  readonly device: string;
  readonly presentsCertificate: boolean;
  readonly credentials: Credentials;
  readonly headers: readonly Header[];
  readonly body: Body;
  /** Whether the body comes in chunks, of which nobody says before how many. */
  readonly chunked: boolean;
}

const noBody: Body = () => Buffer.alloc(0);
const longestBody = 64 * 1024;
const requestId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A one-time password as it stands in a header. */
const passwordInHeader = /[0-9A-Z]{4}(-[0-9A-Z]{4}){6}/;

let service: EstService;
const anonymous = new Map<string, EstConnections>();
const certified = new Map<string, EstConnections>();
const passwords = new Map<string, Password>();

before(async () => {
  service = await EstService.start();
  for (const [id, { certificate }] of service.clients) {
    anonymous.set(id, new EstConnections(service.port));
    certified.set(
      id,
      new EstConnections(service.port, (port) => service.present(port, certificate)),
    );
    passwords.set(id, await service.password(id));
  }
});

after(async () => {
  for (const connections of [...anonymous.values(), ...certified.values()]) connections.close();
  await service?.close();
});

function client(device: string): Client {
  const found = service.clients.get(device);
  assert.ok(found);
  return found;
}

function passwordOf(device: string): Password {
  const found = passwords.get(device);
  assert.ok(found);
  return found;
}

function authorization({ method, path, device, credentials }: EstRequest): Header[] {
  const { id: user, password } = passwordOf(device);
  if (credentials === 'none') return [];
  if (typeof credentials === 'object') return [['Authorization', credentials.header]];
  if (credentials === 'basic') return [['Authorization', basic(user, password)]];
  const nonce = service.nonces.make(new Date());
  const answer = digest({ user, password, nonce, uri: path, method });
  return [['Authorization', answer]];
}

async function send(request: EstRequest): Promise<Answer> {
  const { method, path, device, presentsCertificate, headers, body, chunked } = request;
  const secret = passwordOf(device);
  const octets = body(client(device), secret).subarray(0, longestBody);
  const framing: Header = chunked
    ? ['Transfer-Encoding', 'chunked']
    : ['Content-Length', `${octets.length}`];
  const all = [...headers, ...authorization(request), framing];
  const host = headers.some(([name]) => name === 'Host') ? '' : 'Host: localhost\r\n';
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${method} ${path} HTTP/1.1\r\n${host}${lines}\r\n`;
  const connections = (presentsCertificate ? certified : anonymous).get(device);
  assert.ok(connections);
  const answer = await connections.exchange(head, chunked ? inChunks(octets) : octets, method);
  if (answer.status === 200 && method === 'POST' && passwords.get(device) === secret)
    passwords.set(device, await service.password(device));
  return answer;
}

function inChunks(octets: Buffer): Buffer {
  const half = Math.ceil(octets.length / 2);
  const parts = [octets.subarray(0, half), octets.subarray(half)].filter(
    ({ length }) => length > 0,
  );
  const chunks = parts.flatMap((part) => [`${part.length.toString(16)}\r\n`, part, '\r\n']);
  return Buffer.concat([...chunks, '0\r\n\r\n'].map((part) => Buffer.from(part)));
}

function checkAnswer({ status, headers, body }: Answer): void {
  const answer = `${status} ${body}`;
  assert.ok(status >= 200 && status < 500, answer);
  assert.match(headers.get('x-request-id') ?? '', requestId, answer);
  if (status !== 204 && status !== 304)
    assert.match(headers.get('content-length') ?? '', /^\d+$/, answer);
}

/** What the requests so far have left in the log. */
function checkLog(): void {
  for (const line of service.log.splice(0)) {
    assert.ok(JSON.parse(line).level < 50, `a fault: ${line}`);
    assert.doesNotMatch(line, passwordInHeader);
    assert.doesNotMatch(line, /(Basic|response=|Digest) *[\w+/"]{16}/);
  }
}

/** Sends requests at once, and sees what becomes of each. */
async function sendAll(requests: readonly EstRequest[], seen: Map<number, number>): Promise<void> {
  const answers = await Promise.all(requests.map(send));
  for (const answer of answers) {
    checkAnswer(answer);
    seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
  }
  checkLog();
}

const summary = (seen: ReadonlyMap<number, number>) =>
  [...seen]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ');

/** One thing about a request that is not as it should be, or nothing. */
const disturbances = (path: string): fc.Arbitrary<Partial<EstRequest>> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: mutatedText([path, `${path}?a=b`]).map((p) => ({ path: p })) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND')
        .map((method) => ({ method })),
    },
    { weight: 1, arbitrary: fc.constant({ chunked: true }) },
  );

interface Caller {
  readonly device: string;
  readonly label: string | undefined;
}
const callers: Caller[] = [
  ...labels.flatMap((label) =>
    [label, undefined].map((path) => ({ device: deviceOf(label), label: path })),
  ),
  { device: registrationAuthority, label: undefined },
];

const pathOf = (operation: string, { label }: Caller) =>
  `/.well-known/est/${label === undefined ? '' : `${label}/`}${operation}`;

function requestsTo(
  operation: string,
  base: Pick<EstRequest, 'method'> & { readonly type?: string },
  bodies: (client: Client) => fc.Arbitrary<Body>,
): fc.Arbitrary<EstRequest> {
  return fc.oneof(
    ...callers.map((caller) => {
      const path = pathOf(operation, caller);
      const type: Header[] = base.type === undefined ? [] : [['Content-Type', base.type]];
      return fc
        .record({
          credentials: someCredentials,
          presentsCertificate: fc.boolean(),
          body: bodies(client(caller.device)),
          more: fc.oneof(
            { weight: 5, arbitrary: fc.constant<Header[]>([]) },
            { weight: 1, arbitrary: fc.array(someHeader, { minLength: 1, maxLength: 3 }) },
          ),
          disturbed: disturbances(path),
        })
        .map(({ more, disturbed, ...rest }): EstRequest => {
          const replaced = new Set(more.map(([name]) => name));
          const headers = [...type.filter(([name]) => !replaced.has(name)), ...more];
          const { device } = caller;
          return {
            method: base.method,
            path,
            device,
            headers,
            chunked: false,
            ...rest,
            ...disturbed,
          };
        });
    }),
  );
}

const several = (requests: fc.Arbitrary<EstRequest>) =>
  fc.array(requests, { minLength: 1, maxLength: 8 });

async function searchAll(
  requests: fc.Arbitrary<EstRequest>,
  share: number,
): Promise<Map<number, number>> {
  const seen = new Map<number, number>();
  await search(several(requests), (list) => sendAll(list, seen), share);
  return seen;
}

for (const [operation, { type, bodies, share }] of Object.entries(operations))
  test(`/${operation} answers everything`, { timeout: timeFor(share) + 120_000 }, async (t) => {
    const seen = await searchAll(requestsTo(operation, { method: 'POST', type }, bodies), share);
    t.diagnostic(summary(seen));
    assert.ok((seen.get(200) ?? 0) > 0, 'nothing is issued: the search does not get far');
    assert.ok((seen.get(400) ?? 0) > 0);
  });

const shareOfGets = 0.05;
test('what is only read answers everything', {
  timeout: timeFor(shareOfGets) + 120_000,
}, async (t) => {
  const none = () => fc.constant(noBody);
  const all = getOperations.map((operation) => requestsTo(operation, { method: 'GET' }, none));
  const seen = await searchAll(fc.oneof(...all), shareOfGets);
  t.diagnostic(summary(seen));
  assert.ok((seen.get(200) ?? 0) > 0);
});

const shareOfOctets = 0.03;
test('octets that need not be HTTP do no harm', {
  timeout: timeFor(shareOfOctets) + 120_000,
}, async (t) => {
  const connections = new EstConnections(service.port);
  const seeds = [
    'GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    'POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\nContent-Length: 4\r\n\r\nMAA=',
    'POST /.well-known/est/fullcmc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs7-mime\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nMAA=\r\n0\r\n\r\n',
  ].map((text) => Buffer.from(text));
  const runs = await search(
    mutated(seeds),
    async (octets) => {
      const text = await connections.sendOctets(octets);
      assert.doesNotMatch(text, /^HTTP\/1\.1 5/m);
      checkLog();
    },
    shareOfOctets,
  );
  connections.close();
  t.diagnostic(`${runs} messages`);
  const path = '/.well-known/est/cacerts';
  const still = { method: 'GET', path, device: 'device-1', presentsCertificate: false };
  const answer = await send({
    ...still,
    credentials: 'none',
    headers: [],
    body: noBody,
    chunked: false,
  });
  assert.equal(answer.status, 200);
});
