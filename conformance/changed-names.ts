import type { X509Certificate } from 'node:crypto';
import {
  attribute,
  certificateRequest,
  commonName,
  dnsNames,
  ecKey,
  extensionRequest,
} from './certificate-requests.ts';
import { objectIdentifier, sequence, tlv } from './der-writer.ts';
import type { EnrolledDevice, EstServer } from './est-server.ts';
import type { HttpAnswer } from './http-answer.ts';
import { extensionsOf } from './inspect-certificate.ts';

const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36';
const SUBJECT_ALT_NAME = objectIdentifier('2.5.29.17');

/** ChangeSubjectName (RFC 6402 section 2.8): a Name, GeneralNames, or both. */
export const changeTo = (...components: Buffer[]) =>
  attribute(CHANGE_SUBJECT_NAME, sequence(...components));

/** The one name that a device under this label may have besides its common name. */
export const dnsNameOf = (device: string) => `${device}.example`;

/** GeneralNames with one dNSName. */
export const generalNames = (name: string) => sequence(tlv(0x82, Buffer.from(name, 'latin1')));

const devices = new WeakMap<EstServer, Promise<EnrolledDevice>>();

/** A device with both its names in its certificate, under the label where changes are accepted; one for all rows. */
export function deviceWithNames(server: EstServer): Promise<EnrolledDevice> {
  const view = server.label('subject-change');
  const known =
    devices.get(view) ??
    view.enrolledDevice((device) => ({
      attributes: [extensionRequest(dnsNames(dnsNameOf(device)))],
    }));
  devices.set(view, known);
  return known;
}

/** Re-enrolls that device: the request has the names of the certificate, and says which ones it wants. */
export async function rename(
  server: EstServer,
  change: (device: string) => readonly Buffer[],
): Promise<HttpAnswer> {
  const { device, client } = await deviceWithNames(server);
  const attributes = [extensionRequest(dnsNames(dnsNameOf(device))), changeTo(...change(device))];
  const request = certificateRequest(commonName(device), ecKey(), { attributes });
  return server.label('subject-change').post('simplereenroll', request, { client });
}

/** The subjectAltName extension of a certificate. */
export function subjectAltName(certificate: X509Certificate) {
  return extensionsOf(certificate).find(({ type }) => type.equals(SUBJECT_ALT_NAME));
}
