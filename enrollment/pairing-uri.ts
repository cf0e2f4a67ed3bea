/**
 * What the QR code of a pairing says: all that a device needs for its first enrollment, and to know whom it may trust for
 * it (RFC 7030 section 4.1.1).
 *
 *     est+pair://HOST[:PORT]/.well-known/est[/LABEL]?d=DEVICE&c=CODE&f=FINGERPRINT
 *
 * CODE is without hyphens. FINGERPRINT is SHA-256 of the root certificate's DER, in base64url without padding: 43
 * characters. Each parameter stands there once, and no other does.
 */

import { checkDeviceId } from './device.ts';
import { checkLabel } from './group.ts';
import { readPairingCode } from './pairing-code.ts';

export interface Pairing {
  /** HOST or HOST:PORT; 443 when no port is given. */
  readonly server: string;
  /** Of the group; without one the path has none. */
  readonly label?: string;
  readonly device: string;
  /** As it is shown or without hyphens. */
  readonly code: string;
  /** 32 octets. */
  readonly fingerprint: Uint8Array;
}

const scheme = 'est+pair://';
const hostAndPort =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?$/;
const form =
  /^est\+pair:\/\/([^/?#@]+)\/\.well-known\/est(?:\/([^/?#]+))?\?d=([^&#]+)&c=([^&#]+)&f=([^&#]+)$/;
const sha256 = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const longest = 600;

/** @throws TypeError with a sentence */
export function checkServerAddress(server: string): string {
  const [, port = '443'] = hostAndPort.exec(server) ?? [undefined, '0'];
  if (Number(port) < 1 || Number(port) > 65_535)
    throw new TypeError(`"${server}" is not HOST or HOST:PORT, such as est.example:8443.`);
  return server;
}

/** @throws TypeError with a sentence on a server, label, device or code that cannot be */
export function pairingUri({ server, label, device, code, fingerprint }: Pairing): string {
  const path = label === undefined ? '' : `/${checkLabel(label)}`;
  const d = encodeURIComponent(checkDeviceId(device));
  const f = Buffer.from(fingerprint).toString('base64url');
  return `${scheme}${checkServerAddress(server)}/.well-known/est${path}?d=${d}&c=${checkCode(code)}&f=${f}`;
}

/** @throws TypeError, or Refusal mistyped-code, with a sentence, on anything that pairingUri does not make */
export function readPairingUri(text: string): Pairing {
  const [, server, label, device, code, fingerprint] =
    (text.length <= longest && form.exec(text)) || [];
  if (
    server === undefined ||
    device === undefined ||
    code === undefined ||
    fingerprint === undefined ||
    !sha256.test(fingerprint)
  )
    throw new TypeError(
      'This is no pairing URI of the form est+pair://HOST/.well-known/est/LABEL?d=…&c=…&f=….',
    );
  return {
    server: checkServerAddress(server),
    ...(label === undefined ? {} : { label: checkLabel(label) }),
    device: checkDeviceId(decoded(device)),
    code: checkCode(code),
    fingerprint: Buffer.from(fingerprint, 'base64url'),
  };
}

function checkCode(text: string): string {
  const code = readPairingCode(text)?.code;
  if (code === undefined) throw new TypeError('The URI is of no pairing code.');
  return code;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError('The device id in the pairing URI is not encoded as a URI asks for.');
  }
}
