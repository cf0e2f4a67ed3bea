/**
 * A device with a connection to each EST worker, opened in good times and kept: what it is refused on these is refused for
 * what became of its certificate since.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { after } from 'node:test';
import type { BestowServer } from './bestow.ts';
import { certificateOf, type DeviceKey, type EstAnswer, makeKey, post } from './est-client.ts';
import { eventually } from './eventually.ts';

const kept: Agent[] = [];
after(() => {
  for (const agent of kept) agent.destroy();
});

/** More, and the system seems to give all to one worker. */
const mostTries = 60;

export class KeptConnections {
  readonly id: string;
  readonly key: DeviceKey;
  /** PEM. */
  readonly certificate: string;
  readonly #server: BestowServer;
  /** By the worker's process id. */
  readonly #agents = new Map<number, Agent>();
  readonly #ports = new Map<number, number | undefined>();

  constructor(server: BestowServer, id: string, key: DeviceKey, certificate: string) {
    this.#server = server;
    this.id = id;
    this.key = key;
    this.certificate = certificate;
  }

  /** A device enrolled with a one-time password. */
  static async enroll(server: BestowServer, id: string, key = makeKey()): Promise<KeptConnections> {
    const { [id]: password = '' } = await server.passwords([id]);
    const credentials = { user: id, password };
    const answer = await post(
      `${server.est}/simpleenroll`,
      server.root,
      key.request('/'),
      credentials,
    );
    return new KeptConnections(server, id, key, certificateOf(answer));
  }

  /** Hexadecimal, as OpenSSL prints it. */
  get serialNumber(): string {
    return new X509Certificate(this.certificate).serialNumber;
  }

  /** A request that the certificate can be renewed with. */
  renewal(key = this.key): Buffer {
    return key.request(`/CN=${this.id}`);
  }

  /** Opens a connection to each of so many workers, by renewals that all must succeed. */
  async open(workers: number): Promise<this> {
    for (let tries = 0; this.#agents.size < workers; tries++) {
      assert.ok(tries < mostTries, 'all connections came to one worker');
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const port = portOf(agent);
      const answer = await this.#post(this.renewal(), 'simplereenroll', agent);
      assert.equal(answer.status, 200, answer.body);
      const worker = await this.#workerOf(answer);
      if (this.#agents.has(worker)) agent.destroy();
      else {
        kept.push(agent);
        this.#agents.set(worker, agent);
        this.#ports.set(worker, await port);
      }
    }
    return this;
  }

  /** The answer of each worker to one request each, sent at the same time on the connections that were kept. */
  ask(request = this.renewal(), operation = 'simplereenroll'): Promise<EstAnswer[]> {
    return Promise.all(
      [...this.#agents].map(async ([worker, agent]) => {
        const port = portOf(agent);
        const answer = await this.#post(request, operation, agent);
        assert.equal(await port, this.#ports.get(worker), 'the connection was not kept');
        return answer;
      }),
    );
  }

  /** Asserts what each worker answers to the very next request. */
  async assertAnswered(status: number, reason = /^/): Promise<void> {
    for (const answer of await this.ask()) {
      assert.equal(answer.status, status, answer.body);
      assert.match(answer.body, reason);
    }
  }

  #post(request: Buffer, operation: string, agent: Agent): Promise<EstAnswer> {
    const { est, root } = this.#server;
    const { certificate, key } = this;
    return post(`${est}/${operation}`, root, request, { certificate, key: key.key, agent });
  }

  async #workerOf({ headers }: EstAnswer): Promise<number> {
    const requestId = headers['x-request-id'];
    const find = () => this.#server.logLines({ msg: 'request', requestId })[0];
    return Number((await eventually(find)).pid);
  }
}

/** The local port of the connection that the agent's next request goes by; the agent takes it back after the answer. */
function portOf(agent: Agent): Promise<number | undefined> {
  return new Promise((resolve) => {
    agent.once('free', ({ localPort }) => resolve(localPort));
  });
}
