import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import {
  base64Lines,
  certificateRequest,
  ecKey,
  type Key,
  type RequestContents,
} from './certificate-requests.ts';
import { AnswerReader, type HttpAnswer } from './http-answer.ts';
import { certificatesIn, decodeBase64 } from './inspect-answer.ts';
import { type LabelName, type Labels, labels } from './labels.ts';
import type { Credential, OperatorCommands } from './operator-commands.ts';
import { type ClientCertificate, clientCertificate } from './self-made-certificates.ts';
import { skip } from './skip.ts';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly credential?: Credential;
  readonly client?: ClientCertificate;
  readonly tls?: ConnectionOptions;
}

/** Someone who may enroll: the name to ask for, and how to prove to be it. */
export interface Applicant extends Pick<RequestOptions, 'credential' | 'client'> {
  readonly device: string;
}

export interface EnrolledDevice extends Applicant {
  readonly client: ClientCertificate;
  readonly key: Key;
  readonly certificate: X509Certificate;
}

export interface Connection {
  readonly socket: TLSSocket;
  readonly answers: AnswerReader;
}

export interface Surroundings {
  readonly url: URL;
  /** Trust anchors as PEM; `verified` says whether they were given or merely fetched. */
  readonly roots: readonly string[];
  readonly verified: boolean;
  readonly commands: OperatorCommands;
  readonly labels: Labels;
}

const PATIENCE = 15_000;

/** The server under judgement, as a client sees it under one label. */
export class EstServer {
  readonly url: URL;
  readonly roots: readonly string[];
  readonly verified: boolean;
  readonly commands: OperatorCommands;
  /** The label in all paths; undefined for the paths without one. */
  readonly pathLabel: string | undefined;
  readonly #surroundings: Surroundings;
  readonly #views = new Map<LabelName, EstServer>();
  #shared: Promise<EnrolledDevice> | undefined;
  #authority: Promise<EnrolledDevice> | undefined;
  #clientMayEnroll: Promise<boolean> | undefined;

  constructor(surroundings: Surroundings, pathLabel?: string) {
    this.url = surroundings.url;
    this.roots = surroundings.roots;
    this.verified = surroundings.verified;
    this.commands = surroundings.commands;
    this.pathLabel = pathLabel;
    this.#surroundings = surroundings;
  }

  /** The same server under the label that the caller named for this; skips the case if there is none. */
  label(name: LabelName): EstServer {
    const label = this.#surroundings.labels[name];
    if (label === undefined) skip(`no --${name}-label was given: ${labels[name]}`);
    const view = this.#views.get(name) ?? new EstServer(this.#surroundings, label);
    this.#views.set(name, view);
    return view;
  }

  get host(): string {
    return this.url.hostname.replace(/^\[|\]$/g, '');
  }

  get port(): number {
    return Number(this.url.port || 443);
  }

  /** The path of an operation; `/` at the start means the path is meant as written. */
  path(operation: string): string {
    if (operation.startsWith('/')) return operation;
    const label = this.pathLabel === undefined ? '' : `/${this.pathLabel}`;
    return `/.well-known/est${label}/${operation}`;
  }

  /** A TLS connection, handshake complete. */
  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({
        host: this.host,
        port: this.port,
        ...(isIP(this.host) ? {} : { servername: this.host }),
        ca: [...this.roots],
        rejectUnauthorized: this.verified,
        ...options,
      });
      const answers = new AnswerReader(socket as Socket);
      const timer = setTimeout(
        () => socket.destroy(new Error('TLS handshake timed out')),
        PATIENCE,
      );
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('connection closed during the handshake')));
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        resolve({ socket, answers });
      });
      socket.once('close', () => clearTimeout(timer));
    });
  }

  /** Header and body of one request as octets, for tests that split or distort them. */
  encode(operation: string, options: RequestOptions = {}): Buffer {
    const body = Buffer.from(options.body ?? '');
    const method = options.method ?? (options.body === undefined ? 'GET' : 'POST');
    const headers: Record<string, string> = {
      Host: this.url.host,
      'User-Agent': 'est-conformance',
      Accept: '*/*',
      Connection: 'close',
      ...(options.body === undefined ? {} : { 'Content-Type': 'application/pkcs10' }),
      ...(options.credential ? { Authorization: basic(options.credential) } : {}),
      ...options.headers,
    };
    const length = method === 'GET' || method === 'HEAD' ? [] : [`Content-Length: ${body.length}`];
    const described = Object.keys(headers).some((name) =>
      /^(content-length|transfer-enc)/i.test(name),
    );
    const lines = [
      `${method} ${this.path(operation)} HTTP/1.1`,
      ...Object.entries(headers).flatMap(([name, value]) =>
        value === '' ? [] : [`${name}: ${value}`],
      ),
      ...(described ? [] : length),
    ];
    return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
  }

  /** One request on its own connection. A header set to '' is not sent at all. */
  async fetch(operation: string, options: RequestOptions = {}): Promise<HttpAnswer> {
    return this.exchange([this.encode(operation, options)], options);
  }

  /** Writes the octets piece by piece, each in a TLS record of its own, and reads one answer. */
  async exchange(pieces: readonly Buffer[], options: RequestOptions = {}): Promise<HttpAnswer> {
    const { socket, answers } = await this.connect({ ...options.client, ...options.tls });
    try {
      for (const piece of pieces) {
        // A server may answer and close before it has read everything: what it said is read below.
        await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
      }
      return await answers.next(options.method);
    } finally {
      socket.destroy();
    }
  }

  /** Sends a PKCS#10 request in base64 lines of 64, as most clients do. */
  async post(
    operation: string,
    request: Buffer,
    options: RequestOptions = {},
  ): Promise<HttpAnswer> {
    return this.fetch(operation, { body: base64Lines(request), ...options });
  }

  /** Someone new who may enroll under this label, or under another. */
  async newcomer({
    label = this.pathLabel,
  }: {
    label?: string | undefined;
  } = {}): Promise<Applicant & { credential: Credential }> {
    const credential = await this.commands.credential(label);
    return { device: credential.device, credential };
  }

  /** Enrolls a new device with a fresh credential and returns what it now holds. */
  async enrolledDevice(contents?: (device: string) => RequestContents): Promise<EnrolledDevice> {
    const { device, credential } = await this.newcomer();
    return this.#enroll(credential, contents?.(device));
  }

  /**
   * The registration authority of this run (RFC 7030 section 3.7), with the certificate that says so; skips the case if
   * the caller gave no way to have one.
   */
  authority(): Promise<EnrolledDevice> {
    this.#authority ??= this.commands
      .authority(this.pathLabel)
      .then((credential) => this.#enroll(credential));
    return this.#authority;
  }

  async #enroll(credential: Credential, contents: RequestContents = {}): Promise<EnrolledDevice> {
    const { device } = credential;
    const key = ecKey();
    const request = certificateRequest(device, key, contents);
    const answer = await this.post('simpleenroll', request, { credential });
    if (answer.status !== 200) {
      throw new Error(
        `enrolling ${device} gave ${answer.status} ${answer.body.toString().slice(0, 200).trim()}`,
      );
    }
    const der = certificatesIn(decodeBase64(answer.body))[0] ?? Buffer.alloc(0);
    const client = clientCertificate(key, der);
    return { device, client, key, certificate: new X509Certificate(der) };
  }

  /** One enrolled device for the whole run, for cases that leave it as it was. */
  sharedDevice(): Promise<EnrolledDevice> {
    this.#shared ??= this.enrolledDevice();
    return this.#shared;
  }

  /**
   * Someone whose requests would be granted if they were in order, so that a refusal speaks of the request.
   * The shared certificate serves if the server lets it enroll again; otherwise it costs a credential.
   */
  async applicant(): Promise<Applicant> {
    const device = await this.sharedDevice();
    this.#clientMayEnroll ??= this.post(
      'simpleenroll',
      certificateRequest(device.device, ecKey()),
      { client: device.client },
    ).then((answer) => answer.status === 200);
    return (await this.#clientMayEnroll)
      ? { device: device.device, client: device.client }
      : this.newcomer();
  }
}

export function basic(credential: { user: string; password: string }, scheme = 'Basic'): string {
  return `${scheme} ${Buffer.from(`${credential.user}:${credential.password}`).toString('base64')}`;
}
