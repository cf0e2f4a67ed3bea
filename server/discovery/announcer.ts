/**
 * Tells the network where this server is (DNS-SD over multicast DNS): on which interfaces, by which name, and with which
 * root. Nothing that goes wrong here ends the server.
 */

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import { type LinkInterface, linkInterfaces, listenedAt } from './link-interfaces.ts';
import { Responder } from './responder.ts';
import type { ServiceInstance } from './service-records.ts';

export interface AnnouncerParts {
  /** Such as `_est._tcp`. */
  readonly type: string;
  /** Of the instance; made of the host's name where it is left out. */
  readonly name?: string;
  /** Names or addresses; without any, all that lead out of this host. */
  readonly interfaces: readonly string[];
  /** Of the listener. */
  readonly listening: Pick<AddressInfo, 'address' | 'port'>;
  /** What stands in the server's TLS certificate. */
  readonly certificateHost: string;
  /** SHA-256 of the root certificate, 32 octets. */
  readonly fingerprint: Uint8Array;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

const lookMs = 10_000;
const longestLabel = 63;
/** Names that are tried when others have the first ones. */
const mostNames = 10;

export class Announcer {
  readonly #parts: AnnouncerParts;
  /** Nobody else's, so that no other responder of this host is contradicted about its addresses. */
  readonly #host = `bestow-${randomBytes(4).toString('hex')}.local`;
  readonly #responders = new Map<string, Responder>();
  readonly #problems = new Set<string>();
  #fingerprint: string;
  #names = 1;
  #working: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    this.#fingerprint = textOf(parts.fingerprint);
  }

  start(): void {
    this.#inTurn(() => this.#look());
    this.#timer = setInterval(() => this.#inTurn(() => this.#look()), lookMs);
  }

  /** Goes on with another root. */
  follow(fingerprint: Uint8Array): void {
    if (textOf(fingerprint) === this.#fingerprint) return;
    this.#fingerprint = textOf(fingerprint);
    this.#inTurn(() => this.#tell());
  }

  /** Takes leave of the network. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
    this.#stopped = true;
    const responders = [...this.#responders.values()];
    this.#responders.clear();
    await Promise.all(responders.map((responder) => this.#part(responder)));
  }

  get #service(): ServiceInstance {
    const { type, listening, certificateHost } = this.#parts;
    const txt = { v: '1', path: '/.well-known/est', fp: this.#fingerprint, host: certificateHost };
    return { name: this.#name, type, host: this.#host, port: listening.port, txt };
  }

  get #name(): string {
    const name = this.#parts.name ?? defaultName();
    return this.#names === 1 ? name : numbered(name, this.#names);
  }

  /** Interfaces come and go, and change their addresses. */
  async #look(): Promise<void> {
    const { interfaces, listening } = this.#parts;
    const { address } = listening;
    const chosen = linkInterfaces(networkInterfaces(), choiceOf(interfaces, address));
    const wanted = new Map<string, { link: LinkInterface; addresses: string[] }>();
    for (const link of chosen) {
      const addresses = listenedAt(link, address);
      if (addresses.length > 0) wanted.set(`${link.name} ${addresses}`, { link, addresses });
      else this.#complain(link.name, `EST listens at ${address} alone, which is not on it`);
    }
    for (const name of interfaces)
      if (!chosen.some((link) => link.name === name || link.address === name))
        this.#complain(name, 'there is no such interface with an address of IPv4');
    for (const [key, responder] of this.#responders)
      if (!wanted.has(key)) {
        this.#responders.delete(key);
        await this.#part(responder);
      }
    for (const [key, { link, addresses }] of wanted)
      if (!this.#responders.has(key)) await this.#open(key, link, addresses);
  }

  async #open(key: string, link: LinkInterface, addresses: readonly string[]): Promise<void> {
    if (this.#names > mostNames) return;
    try {
      const responder = await Responder.start({
        link,
        addresses,
        service: this.#service,
        problem: (error) => this.#complain(link.name, error.message),
        conflict: (taken) => this.#inTurn(() => this.#rename(taken)),
      });
      this.#responders.set(key, responder);
      const { name, type, port } = this.#service;
      const about = { interface: link.name, addresses, name, type, port };
      this.#parts.logger.info(about, 'EST is announced on the network');
    } catch (error) {
      this.#complain(link.name, error instanceof Error ? error.message : String(error));
    }
  }

  async #rename(taken: string): Promise<void> {
    // It was told of on each interface, and more than once.
    if (taken !== this.#name) return;
    this.#names += 1;
    if (this.#names > mostNames) {
      this.#parts.logger.warn({ name: taken }, 'no name is free: EST is not announced any more');
      const responders = [...this.#responders.values()];
      this.#responders.clear();
      await Promise.all(responders.map((responder) => this.#part(responder)));
      return;
    }
    this.#parts.logger.warn(
      { taken, name: this.#name },
      'another server on the network has the name: EST is announced by another one',
    );
    await this.#tell();
  }

  async #tell(): Promise<void> {
    for (const responder of this.#responders.values()) await responder.change(this.#service);
  }

  async #part(responder: Responder): Promise<void> {
    await responder.stop().catch((error) => this.#complain('', error.message));
  }

  /** One after the other, in their order. */
  #inTurn(work: () => Promise<void>): void {
    this.#working = this.#working
      .then(() => (this.#stopped ? undefined : work()))
      .catch((error) => this.#complain('', error instanceof Error ? error.message : `${error}`));
  }

  /** Once for each: what does not work comes again and again. */
  #complain(name: string, problem: string): void {
    const key = `${name} ${problem}`;
    if (this.#problems.has(key)) return;
    if (this.#problems.size > 100) this.#problems.clear();
    this.#problems.add(key);
    this.#parts.logger.warn({ interface: name, problem }, 'EST cannot be announced there');
  }
}

/** A listener at one address can be announced on its interface alone. */
function choiceOf(interfaces: readonly string[], listener: string): readonly string[] {
  if (interfaces.length > 0 || ['0.0.0.0', '::'].includes(listener)) return interfaces;
  return Object.entries(networkInterfaces())
    .filter(([, infos = []]) => infos.some(({ address }) => address === listener))
    .map(([name]) => name);
}

function defaultName(): string {
  const [first = ''] = hostname().split('.');
  return cut(`Bestow on ${first}`, longestLabel);
}

function numbered(name: string, number: number): string {
  const suffix = ` (${number})`;
  return `${cut(name, longestLabel - suffix.length)}${suffix}`;
}

/** At most so many octets, and no character in two. */
function cut(text: string, octets: number): string {
  let kept = text;
  while (Buffer.byteLength(kept) > octets) kept = [...kept].slice(0, -1).join('');
  return kept;
}

function textOf(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint).toString('base64url');
}
