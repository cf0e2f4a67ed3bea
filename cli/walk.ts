/**
 * From nothing to an enrolled device, as commands to paste into another terminal.
 */

import { fingerprintOf } from '../ca/certificate.ts';
import { requireActive } from '../ca/certification-authority.ts';
import type { Config } from '../server/config.ts';
import { dataPaths } from '../server/data-directory.ts';
import { openStores } from '../storage/stores.ts';
import { loadCa } from './certification-authority.ts';
import { createOneTimePassword } from './commands/otp.ts';
import { print } from './print.ts';

const device = 'device-1';

/** Makes a fresh one-time password for device-1 and prints the walk with it. */
export async function printWalk(config: Config, origin: string): Promise<void> {
  const stores = await openStores(config.storage, config.est.failures);
  try {
    const { password } = await createOneTimePassword(stores, config, { device, ttl: '24h' });
    const { root } = requireActive(await loadCa(stores)).chain;
    print(
      walkText({
        origin,
        root: dataPaths(config.directory).root,
        password,
        fingerprint: fingerprintOf(root.der),
      }),
    );
  } finally {
    await stores.close();
  }
}

interface Walk {
  readonly origin: string;
  /** Path of the root certificate. */
  readonly root: string;
  readonly password: string;
  readonly fingerprint: string;
}

function walkText({ origin, root, password, fingerprint }: Walk): string {
  const url = `${origin}/.well-known/est`;
  return `
Bestow is ready.

  EST URL           ${url}
  Root certificate  SHA-256 ${fingerprint}

To enroll ${device}, paste this into another terminal:

  cd "$(mktemp -d)"
  # the CA certificates (RFC 7030 section 4.1)
  curl -fsS --cacert ${quote(root)} ${url}/cacerts \\
    | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -out cacerts.pem
  # a key that stays with the device, and a request signed by it
  openssl ecparam -name prime256v1 -genkey -noout -out device.key
  openssl req -new -key device.key -subj /CN=${device} -outform DER | openssl base64 > request.b64
  # enroll with the one-time password (RFC 7030 section 4.2)
  curl -fsS --cacert cacerts.pem -u ${device}:${password} \\
    -H 'Content-Type: application/pkcs10' --data-binary @request.b64 ${url}/simpleenroll \\
    | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -out device.pem
  # the certificate; the last extension holds the upstream endpoint
  openssl verify -CAfile cacerts.pem device.pem
  openssl x509 -in device.pem -noout -text

The password works once, for this device, within 24 hours. Ctrl-C stops the server; nothing is lost.
`;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
