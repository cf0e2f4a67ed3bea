/**
 * A Mosquitto of its own, with TLS, passwords and rules who may write what; and mosquitto_sub, which tells what came.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CorporateCa, certify, makeCorporateRoot } from './corporate-ca.ts';
import { makeKey, openssl } from './est-client.ts';
import { eventually } from './eventually.ts';

/** As mosquitto_sub prints it. */
export interface MqttReceived {
  readonly topic: string;
  readonly qos: number;
  readonly retain: number;
  readonly payload: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export const writer = { username: 'bestow', password: 'the password of the writer' } as const;
const reader = { username: 'reader', password: 'the password of the reader' } as const;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A key with a certificate, in files. */
interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export class EventBroker {
  readonly received: MqttReceived[] = [];
  readonly ca: CorporateCa = makeCorporateRoot({ subject: '/CN=CA of the broker' });
  /** With a password. */
  readonly port: number;
  /** With a client certificate, whose CN is the user name. */
  readonly certificatePort: number;
  /** Without TLS, and for all. */
  readonly plainPort: number;
  readonly #directory: string;
  #broker: ChildProcess | undefined;
  #subscriber: ChildProcess | undefined;

  static async start(): Promise<EventBroker> {
    const [port, certificatePort, plainPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const broker = new EventBroker(port, certificatePort, plainPort);
    await broker.start();
    return broker;
  }

  private constructor(port: number, certificatePort: number, plainPort: number) {
    this.port = port;
    this.certificatePort = certificatePort;
    this.plainPort = plainPort;
    this.#directory = mkdtempSync(join(tmpdir(), 'bestow-broker-'));
    writeFileSync(this.#at('ca.pem'), this.ca.certificate);
    const { certificate, key } = this.pair('localhost', ['subjectAltName=DNS:localhost']);
    for (const { username, password } of [writer, reader])
      execFileSync('mosquitto_passwd', [
        ...['-b', ...(username === writer.username ? ['-c'] : [])],
        ...[this.#at('passwords'), username, password],
      ]);
    const rules = ['user bestow', 'topic write fleet/#', 'user reader', 'topic read #'];
    writeFileSync(this.#at('rules'), `${rules.join('\n')}\n`);
    const tls = [`certfile ${certificate}`, `keyfile ${key}`, `cafile ${this.#at('ca.pem')}`];
    const lines = [
      ...['per_listener_settings true', 'user root', 'log_dest stdout'],
      ...[`listener ${port} 127.0.0.1`, ...tls, 'allow_anonymous false'],
      ...[`password_file ${this.#at('passwords')}`, `acl_file ${this.#at('rules')}`],
      ...[`listener ${certificatePort} 127.0.0.1`, ...tls, 'require_certificate true'],
      ...['use_identity_as_username true', `acl_file ${this.#at('rules')}`],
      ...[`listener ${plainPort} 127.0.0.1`, 'allow_anonymous true'],
    ];
    writeFileSync(this.#at('mosquitto.conf'), `${lines.join('\n')}\n`);
  }

  /** Starts the broker; resolves when it takes connections. */
  async start(): Promise<void> {
    const configuration = ['-c', this.#at('mosquitto.conf')];
    const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    const options = { stdio: 'ignore', env: environment } as const;
    const broker = spawn('mosquitto', configuration, options);
    this.#broker = broker;
    await eventually(async () => {
      if (broker.exitCode !== null) throw new Error(`mosquitto ended with ${broker.exitCode}`);
      const probe = connect(this.port, '127.0.0.1');
      await once(probe, 'connect').finally(() => probe.destroy());
      return true;
    });
  }

  /** Subscribes to everything; resolves when the broker has said so. */
  async subscribe(): Promise<void> {
    const { username, password } = reader;
    const child = spawn(
      // Into a pipe, it would keep lines until there are many.
      'stdbuf',
      [
        ...['-oL', 'mosquitto_sub'],
        ...['-d', '-V', 'mqttv5', '-h', 'localhost', '-p', `${this.port}`, '-q', '1', '-t', '#'],
        ...['--cafile', this.#at('ca.pem'), '-u', username, '-P', password, '-F', '%j'],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#subscriber = child;
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const lines = output.split('\n');
      output = lines.pop() ?? '';
      for (const line of lines)
        if (line.startsWith('{')) this.received.push(JSON.parse(line));
        else if (line.startsWith('Subscribed ')) child.emit('subscribed');
    });
    await once(child, 'subscribed', { signal: AbortSignal.timeout(10_000) });
  }

  async stop(): Promise<void> {
    for (const child of [this.#subscriber, this.#broker]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Makes a key with a certificate of the broker's CA. */
  pair(name: string, extensions: readonly string[] = []): KeyPair {
    const { key, request } = makeKey();
    const pem = openssl(['req', '-inform', 'DER'], request(`/CN=${name}`)).toString();
    const [keyFile, certificateFile] = [this.#at(`${name}.key`), this.#at(`${name}.pem`)];
    writeFileSync(keyFile, key, { mode: 0o600 });
    writeFileSync(certificateFile, certify(pem, this.ca, { extensions, days: 2 }));
    return { certificate: certificateFile, key: keyFile };
  }

  /** `mqtts://localhost:PORT/PREFIX` */
  url(prefix: string, port = this.port): string {
    return `mqtts://localhost:${port}/${prefix}`;
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }
}
