/**
 * Announces one service on one interface, and answers those who ask for it: multicast DNS (RFC 6762), as far as somebody
 * needs it who has one service to tell of.
 */

import type { LinkInterface } from './link-interfaces.ts';
import {
  type Answer,
  type MdnsSocket,
  mdnsPort,
  openMdns,
  type Packet,
  type Question,
  type Sender,
} from './mdns-socket.ts';
import { fullName, isSameName, recordsOf, type ServiceInstance } from './service-records.ts';

export interface ResponderParts {
  readonly link: LinkInterface;
  /** Where the service is to be had on this link. */
  readonly addresses: readonly string[];
  readonly service: ServiceInstance;
  problem(error: Error): void;
  /** Another one on the link has a service of this name. */
  conflict(name: string): void;
}

/** RFC 6762 section 8.1, 8.3 and 6: probes, announcements, and how often the same is said to all. */
const probes = 3;
const probeMs = 250;
const announceMs = 1000;
const repeatMs = 1000;
/** To who asks whether a name is free, and waits for 250 ms. */
const repeatToProbeMs = 200;
/** Section 6: several who answer do not answer at once. */
const delayMs = () => 20 + 100 * Math.random();
/** Section 6.7: for who asks like a resolver, and keeps nothing up to date. */
const legacyTtl = 10;
/** Answers by unicast within a second, to all who ask so. */
const mostLegacy = 20;
const mostQuestions = 20;
const mostKnown = 200;

export class Responder {
  readonly #parts: ResponderParts;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #due = new Map<string, Answer>();
  readonly #saidAt = new Map<string, number>();
  #service: ServiceInstance;
  #socket: MdnsSocket | undefined;
  #claimed = false;
  #closed = false;
  #legacy = { since: 0, count: 0 };

  /** @throws Error where the port cannot be opened */
  static async start(parts: ResponderParts): Promise<Responder> {
    const responder = new Responder(parts);
    responder.#socket = await openMdns(parts.link, {
      query: (packet, from) => responder.#answer(packet, from),
      response: (packet) => responder.#hear(packet),
      problem: parts.problem,
    });
    responder.#probe(probes);
    return responder;
  }

  private constructor(parts: ResponderParts) {
    this.#parts = parts;
    this.#service = parts.service;
  }

  /** Says what has changed. A name that is new has to be free first. */
  async change(service: ServiceInstance): Promise<void> {
    if (isSameName(service.name, this.#service.name)) {
      this.#service = service;
      this.#announce();
      return;
    }
    await this.#goodbye();
    this.#service = service;
    this.#claimed = false;
    this.#probe(probes);
  }

  async stop(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#goodbye();
    await this.#socket?.close();
  }

  /** Asks whether somebody has the name already; after that it is claimed. */
  #probe(left: number): void {
    if (left === 0) {
      this.#claimed = true;
      this.#announce();
      return;
    }
    const { name } = this.#service;
    const full = fullName(this.#service);
    const claim = this.#records.unique.filter((record) => isSameName(record.name, full));
    this.#socket?.query([{ name: full, type: 'ANY' }], claim.map(plain));
    this.#later(probeMs, () => {
      if (this.#service.name === name) this.#probe(left - 1);
    });
  }

  /** Unasked, twice. */
  #announce(): void {
    const say = () => {
      if (!this.#claimed) return;
      for (const record of this.#all) this.#due.set(keyOf(record), record);
      this.#saidAt.clear();
      this.#flush();
    };
    say();
    this.#later(announceMs, say);
  }

  async #goodbye(): Promise<void> {
    if (!this.#claimed) return;
    const { shared, unique } = this.#records;
    // The list of types is everybody's.
    const ours = [...shared.slice(0, 1), ...unique];
    await this.#socket?.respond({ answers: ours.map((record) => ({ ...record, ttl: 0 })) });
  }

  #answer({ id, questions = [], answers = [], authorities = [] }: Packet, from: Sender): void {
    this.#contest(authorities);
    if (!this.#claimed) return;
    const asked = questions.slice(0, mostQuestions);
    const known = new Set(answers.slice(0, mostKnown).filter(isFresh).map(keyOf));
    const wanted = this.#all.filter(
      (record) => !known.has(keyOf(record)) && asked.some((question) => isAbout(question, record)),
    );
    if (wanted.length === 0) return;
    if (from.port !== mdnsPort) {
      this.#answerResolver(id, asked, wanted, from);
      return;
    }
    if (this.#due.size === 0) this.#later(delayMs(), () => this.#flush());
    for (const record of wanted) this.#due.set(keyOf(record), record);
    const name = fullName(this.#service);
    if (authorities?.some((record) => isSameName(record.name, name))) this.#flush(repeatToProbeMs);
  }

  /** To all on the link; what was said a moment ago has to wait. */
  #flush(repeat = repeatMs): void {
    const now = performance.now();
    const waits = (record: Answer) => (this.#saidAt.get(keyOf(record)) ?? -repeatMs) + repeat - now;
    const due = [...this.#due.values()];
    const answers = due.filter((record) => waits(record) <= 0);
    for (const record of answers) this.#due.delete(keyOf(record));
    if (this.#due.size > 0)
      this.#later(Math.min(...[...this.#due.values()].map(waits)), () => this.#flush());
    if (answers.length === 0) return;
    if (this.#saidAt.size > mostKnown) this.#saidAt.clear();
    for (const record of answers) this.#saidAt.set(keyOf(record), now);
    void this.#socket?.respond({ answers, additionals: this.#besides(answers) });
  }

  #answerResolver(
    id: number | undefined,
    questions: readonly Question[],
    wanted: readonly Answer[],
    to: Sender,
  ): void {
    const now = performance.now();
    if (now - this.#legacy.since > 1000) this.#legacy = { since: now, count: 0 };
    this.#legacy.count += 1;
    if (this.#legacy.count > mostLegacy) return;
    const brief = (record: Answer) => ({ ...plain(record), ttl: legacyTtl }) as Answer;
    const additionals = this.#besides(wanted).map(brief);
    const packet = { questions, answers: wanted.map(brief), additionals };
    void this.#socket?.respond({ ...packet, ...(id === undefined ? {} : { id }) }, to);
  }

  /** What is asked for next. */
  #besides(answers: readonly Answer[]): Answer[] {
    const said = new Set(answers.map(keyOf));
    const leads = answers.some(({ type }) => type === 'PTR' || type === 'SRV');
    return leads ? this.#records.unique.filter((record) => !said.has(keyOf(record))) : [];
  }

  /** Section 8.2: of two who claim a name at once, the one whose record is the later one in order has it. */
  #contest(authorities: readonly Answer[]): void {
    if (this.#claimed) return;
    const other = this.#otherClaim(authorities);
    const { port, host } = this.#service;
    if (other && (other.port > port || (other.port === port && other.target > host)))
      this.#parts.conflict(this.#service.name);
  }

  #hear({ answers = [], additionals = [] }: Packet): void {
    if (!this.#closed && this.#otherClaim([...answers, ...additionals]))
      this.#parts.conflict(this.#service.name);
  }

  #otherClaim(records: readonly Answer[]): { port: number; target: string } | undefined {
    const name = fullName(this.#service);
    for (const record of records)
      if (
        record.type === 'SRV' &&
        (record.ttl ?? 0) > 0 &&
        isSameName(record.name, name) &&
        !isSameName(record.data.target, this.#service.host)
      )
        return { port: record.data.port ?? 0, target: record.data.target };
    return undefined;
  }

  get #records() {
    return recordsOf(this.#service, this.#parts.addresses);
  }

  get #all(): Answer[] {
    const { shared, unique } = this.#records;
    return [...shared, ...unique];
  }

  #later(ms: number, work: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

function isAbout({ name, type }: Question, record: Answer): boolean {
  return isSameName(name, record.name) && (type === 'ANY' || type === record.type);
}

/** Section 7.1: who knows it for half of its time yet, need not be told. */
function isFresh(record: Answer): boolean {
  return record.type === 'PTR' && (record.ttl ?? 0) >= 4500 / 2;
}

function keyOf(record: Answer): string {
  const data = 'data' in record ? JSON.stringify(record.data) : '';
  return `${record.type} ${record.name.toLowerCase()} ${data}`;
}

/** Section 10.2 and 6.7: no word to caches. */
function plain(record: Answer): Answer {
  return { ...record, flush: false } as Answer;
}
