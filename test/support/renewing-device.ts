import { readCertificate } from '../../ca/certificate.ts';
import { defaultEndpointArc, endpointsIn } from '../../ca/extensions/upstream-endpoints.ts';
import type { BestowServer } from './bestow.ts';
import { type CurlAnswer, type CurlDevice, curlDevice } from './curl-device.ts';
import { openssl } from './est-client.ts';

/** A device of curl and OpenSSL that keeps what it got, and renews by it. */
export class RenewingDevice {
  readonly #id: string;
  readonly #curl: CurlDevice;
  /** Its key and the request for it, which stays the same until it is answered. */
  #asked: { readonly key: string; readonly request: string } | undefined;
  #held: { readonly key: string; readonly certificate: string } | undefined;

  constructor(server: BestowServer, id: string) {
    this.#id = id;
    this.#curl = curlDevice(server);
  }

  [Symbol.dispose](): void {
    this.#curl[Symbol.dispose]();
  }

  /** The same request each time. */
  enroll(password: string): Promise<CurlAnswer> {
    this.#asked ??= this.#makeRequest();
    return this.#ask('simpleenroll', this.#asked, { user: [this.#id, password] });
  }

  /** With a new key. */
  renew(): Promise<CurlAnswer> {
    return this.#ask('simplereenroll', this.#makeRequest(), this.#holding());
  }

  /** What the certificate that it holds says. */
  get endpoints(): string[] {
    const der = openssl(['x509', '-outform', 'DER'], this.#holding().certificate);
    return endpointsIn(readCertificate(der), defaultEndpointArc);
  }

  #holding(): { readonly key: string; readonly certificate: string } {
    if (!this.#held) throw new Error(`${this.#id} has no certificate.`);
    return this.#held;
  }

  #makeRequest(): { key: string; request: string } {
    const key = this.#curl.key();
    return { key, request: this.#curl.request(key, `/CN=${this.#id}`) };
  }

  async #ask(
    operation: string,
    { key, request }: { readonly key: string; readonly request: string },
    credentials: Parameters<CurlDevice['enroll']>[2],
  ): Promise<CurlAnswer> {
    const answer = await this.#curl.enroll(operation, request, credentials);
    if (answer.status === 200) this.#held = { key, certificate: this.#curl.certificateIn(answer) };
    return answer;
  }
}
