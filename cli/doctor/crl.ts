import { issuingKeysOf } from '../../ca/certification-authority.ts';
import type { CrlRecord, RevocationState } from '../../ca/crl-store.ts';
import { loadCa } from '../certification-authority.ts';
import { type Examined, type Finding, ok } from './finding.ts';

const action =
  'run `bestow ca crl --out FILE` where relying parties fetch FILE, or ask the server for /crls';

/** The server makes a CRL when one is asked for; what is stale here is what was published last. */
export async function checkCrlAge({ stores, now }: Examined): Promise<Finding[]> {
  const opened = await stores();
  const { crls } = opened;
  const findings: Finding[] = [];
  for (const { chain, issuer, generation } of issuingKeysOf(await loadCa(opened))) {
    const { id, notAfter } = chain.issuing;
    if (notAfter <= now) continue;
    const { message, ...finding } = crlFinding(await crls.newest(id), await crls.state(id), now);
    findings.push({ ...finding, message: `${issuer}, generation ${generation}: ${message}` });
  }
  return findings;
}

export function crlFinding(
  newest: CrlRecord | undefined,
  { revocations }: RevocationState,
  now: Date,
): Finding {
  if (!newest)
    return revocations === 0
      ? ok('none was asked for yet, and nothing is revoked')
      : { severity: 'warn', message: 'there are revocations, but no CRL was ever made', action };
  const { number, nextUpdate } = newest;
  if (nextUpdate <= now)
    return {
      severity: 'warn',
      message: `CRL ${number} ended at ${nextUpdate.toISOString()}: who has it cannot tell what is revoked`,
      action,
    };
  if (newest.revocations < revocations)
    return {
      severity: 'info',
      message: `CRL ${number} does not know the last ${revocations - newest.revocations} change(s)`,
      action,
    };
  return ok(`CRL ${number} says everything, until ${nextUpdate.toISOString()}`);
}
