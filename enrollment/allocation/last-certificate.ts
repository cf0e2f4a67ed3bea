import { readCertificate } from '../../ca/certificate.ts';
import { endpointsIn } from '../../ca/extensions/upstream-endpoints.ts';
import type { IssuanceRecord } from '../../ca/issuance-ledger.ts';
import type { Caller } from '../authenticator.ts';
import type { AllocationCase } from './allocate.ts';

/** The certificate that a device works with, and what it says. */
export interface LastCertificate {
  readonly serialNumber: string;
  readonly issuedAt?: Date;
  readonly endpoints: readonly string[];
  /** What a renewal with it would be judged by. */
  readonly facts: Pick<AllocationCase, 'certificate' | 'foundRegions'>;
}

/**
 * The newest one that is valid.
 * @param records newest first
 * @param arc of the extension, dotted
 */
export function lastCertificateOf(
  records: readonly IssuanceRecord[],
  arc: string,
  now: Date,
): LastCertificate | undefined {
  const record = records.find(
    ({ certificate, revokedAt, notAfter }) => certificate && !revokedAt && notAfter > now,
  );
  if (!record?.certificate) return undefined;
  const { serialNumber, issuedAt, foundRegions } = record;
  const certificate = readCertificate(record.certificate);
  return {
    serialNumber,
    ...(issuedAt ? { issuedAt } : {}),
    endpoints: endpointsIn(certificate, arc),
    facts: { certificate, ...(foundRegions ? { foundRegions } : {}) },
  };
}

/** A device as its next renewal would find it, but for where it calls from. */
export function renewalCase(
  known: Pick<Caller, 'device' | 'tenant' | 'group'>,
  last: LastCertificate | undefined,
): AllocationCase {
  return { ...known, ...last?.facts };
}
