import type { IssuanceLedger } from '../../ca/issuance-ledger.ts';
import { type Authorized, authorize } from '../../enrollment/authorize.ts';
import { authenticateByCertificate } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import { certsOnly } from './messages.ts';
import { sendMessage } from './send-message.ts';

/** The newest of a device that are looked at: it re-enrolls far less often than they run out. */
const newest = 100;

/**
 * /eecerts (RFC 8295 section 3). Bestow knows no certificates of a device's peers; it gives the device those of its own
 * that are good now, such as one whose answer was lost.
 */
export async function distributeEeCertificates({
  request,
  response,
  parts,
  group,
  note,
}: EstExchange): Promise<void> {
  const caller = await authenticateByCertificate(request, parts.authenticators, group);
  const authorized = authorize({ operation: 'consult', caller, called: group });
  const certificates = await goodCertificatesOf(authorized, parts.ledger);
  note({ device: caller.device.id, tenant: caller.tenant.id, certificates: certificates.length });
  response.setHeader('Cache-Control', 'no-store');
  const contentType = 'application/pkcs7-mime; smime-type=certs-only';
  sendMessage({ request, response }, contentType, certsOnly(certificates));
}

/** Valid and not revoked, DER. */
export async function goodCertificatesOf(
  { caller: { device } }: Authorized<'consult'>,
  ledger: IssuanceLedger,
): Promise<Uint8Array[]> {
  const now = new Date();
  const records = await ledger.list({ subscriber: device.id, limit: newest });
  return records.flatMap(({ certificate, revokedAt, notBefore, notAfter }) =>
    certificate && !revokedAt && notBefore <= now && now < notAfter ? [certificate] : [],
  );
}
