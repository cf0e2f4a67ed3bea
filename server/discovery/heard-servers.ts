/**
 * What is heard of servers on the local network. Nobody vouches for it: anyone on the link can announce anything, and all of
 * it is bounded, and freed of what moves a terminal's cursor.
 */

import { isIP } from 'node:net';
import type { Answer, Packet } from './mdns-socket.ts';
import { isSameName } from './service-records.ts';

export interface FoundServer {
  /** Of the instance. */
  readonly name: string;
  /** Of multicast DNS; what the certificate says is `certificateHost`. */
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
  readonly path: string;
  /** SHA-256 of the root certificate, base64url; absent where none is announced, or what is none. */
  readonly fingerprint?: string;
  readonly certificateHost?: string;
  /** On which it was found. */
  readonly interface: string;
}

/** Of each kind; a link with more servers, or somebody who makes them up, is not listed whole. */
const mostNames = 200;
const mostAddresses = 16;
const fingerprintForm = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const pathForm = /^(?:\/[A-Za-z0-9._~-]{1,64}){1,8}$/;
const hostForm = /^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?$/;
const defaultPath = '/.well-known/est';

interface Service {
  host?: string;
  port?: number;
  txt?: ReadonlyMap<string, string>;
}

/** What came, by name. */
export class HeardServers {
  readonly #domain: string;
  readonly #services = new Map<string, Service>();
  readonly #addresses = new Map<string, Set<string>>();

  constructor(domain: string) {
    this.#domain = domain;
  }

  take({ answers = [], additionals = [] }: Packet): void {
    const records = [...(answers ?? []), ...(additionals ?? [])];
    // In whatever order they stand there: what nothing leads to is not kept.
    for (const record of records) this.#takePointer(record);
    for (const record of records) this.#takeService(record);
    for (const record of records) this.#takeAddress(record);
  }

  /** What is to be asked for, of services that a pointer alone was heard of. */
  missing() {
    const services = [...this.#services].filter(([, { port, txt }]) => !port || !txt);
    const hosts = [...this.#services.values()].flatMap(({ host }) =>
      host !== undefined && !this.#addresses.has(host) ? [host] : [],
    );
    return [
      ...services.map(([name]) => ({ name, type: 'ANY' as const })),
      ...hosts.flatMap((name) => [
        { name, type: 'A' as const },
        { name, type: 'AAAA' as const },
      ]),
    ].slice(0, 20);
  }

  servers(link: string): FoundServer[] {
    return [...this.#services].flatMap(([fullName, { host, port, txt }]) => {
      if (host === undefined || port === undefined) return [];
      const name = fullName.slice(0, -this.#domain.length - 1);
      const addresses = [...(this.#addresses.get(host) ?? [])];
      const told = (key: string, form: RegExp) => {
        const value = txt?.get(key) ?? '';
        return form.test(value) ? value : undefined;
      };
      const fingerprint = told('fp', fingerprintForm);
      const certificateHost = told('host', hostForm);
      return [
        {
          name: shown(name),
          host: shown(host),
          port,
          addresses,
          path: told('path', pathForm) ?? defaultPath,
          ...(fingerprint === undefined ? {} : { fingerprint }),
          ...(certificateHost === undefined ? {} : { certificateHost }),
          interface: link,
        },
      ];
    });
  }

  #takePointer(record: Answer): void {
    if (record.type !== 'PTR' || !isSameName(record.name, this.#domain)) return;
    if (!record.data.toLowerCase().endsWith(`.${this.#domain.toLowerCase()}`)) return;
    if (record.ttl === 0) this.#services.delete(record.data);
    else if (!this.#services.has(record.data) && this.#services.size < mostNames)
      this.#services.set(record.data, {});
  }

  #takeService(record: Answer): void {
    const service = this.#services.get(record.name);
    if (!service) return;
    if (record.type === 'SRV' && record.data.port > 0) {
      service.host = record.data.target.toLowerCase();
      service.port = record.data.port;
    }
    if (record.type === 'TXT') service.txt = textsOf(record.data);
  }

  #takeAddress(record: Answer): void {
    if ((record.type !== 'A' && record.type !== 'AAAA') || !isIP(record.data)) return;
    const name = record.name.toLowerCase();
    const hosts = [...this.#services.values()].map(({ host }) => host);
    if (!hosts.includes(name)) return;
    const addresses = this.#addresses.get(name) ?? new Set();
    if (addresses.size < mostAddresses) this.#addresses.set(name, addresses.add(record.data));
  }
}

const mostTexts = 32;

/** RFC 6763 section 6.4: of a key that stands there twice, the first counts. */
function textsOf(data: unknown): ReadonlyMap<string, string> {
  const strings = Array.isArray(data) ? data : [data];
  const texts = new Map<string, string>();
  for (const each of strings.slice(0, mostTexts)) {
    const [, key, value] = /^([\x20-\x3c\x3e-\x7e]{1,64})=(.*)$/s.exec(String(each)) ?? [];
    if (key !== undefined && value !== undefined && !texts.has(key.toLowerCase()))
      texts.set(key.toLowerCase(), value);
  }
  return texts;
}

/** Without what a terminal, or a reader, could be deceived by: controls, directions, what nobody has assigned. */
function shown(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 253);
}
