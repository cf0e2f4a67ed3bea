import { issuingKeysOf } from '../../ca/certification-authority.ts';
import { wholeCrl } from '../../ca/crl-partition.ts';
import type { ScopeState } from '../../ca/crl-store.ts';
import { loadCa } from '../certification-authority.ts';
import { type Examined, type Finding, ok } from './finding.ts';

const action =
  'start the server, or look for "a CRL could not be published" in its log; `bestow ca crl --list` shows all of them';

/** A running server makes CRLs by itself; what is stale here is what was published last. */
export async function checkCrlAge({ stores, now }: Examined): Promise<Finding[]> {
  const opened = await stores();
  const findings: Finding[] = [];
  for (const { chain, issuer, generation } of issuingKeysOf(await loadCa(opened))) {
    const { id, notAfter } = chain.issuing;
    if (notAfter <= now) continue;
    const known = await opened.crls.states(id);
    const states = known.length > 0 ? known : [{ ...nothing, issuer: id }];
    const { message, ...finding } = crlsFinding(states, now);
    findings.push({ ...finding, message: `${issuer}, generation ${generation}: ${message}` });
  }
  return findings;
}

const nothing = { partition: wholeCrl, newest: 0, revocations: 0 };
const ranks = ['ok', 'info', 'warn', 'critical'];

/** One finding for all partitions of an issuer: the worst, and how many are as bad. */
export function crlsFinding(states: readonly ScopeState[], now: Date): Finding {
  const findings = states.map((state) => crlFinding(state, now));
  const rank = Math.max(...findings.map(({ severity }) => ranks.indexOf(severity)));
  const worst = findings.filter(({ severity }) => ranks.indexOf(severity) === rank);
  const [first] = worst;
  if (!first) throw new RangeError('There is one scope at least.');
  return states.length === 1
    ? first
    : { ...first, message: `${first.message} (${worst.length} of ${states.length} CRLs)` };
}

export function crlFinding({ partition, edition, revocations }: ScopeState, now: Date): Finding {
  const which = partition === wholeCrl ? '' : ` of partition ${partition}`;
  if (!edition)
    return revocations === 0
      ? ok(`none${which} was made yet, and nothing is revoked`)
      : {
          severity: 'warn',
          message: `there are revocations, but no CRL${which} was ever made`,
          action,
        };
  const { number, nextUpdate } = edition;
  if (nextUpdate <= now)
    return {
      severity: 'warn',
      message: `CRL ${number}${which} ended at ${nextUpdate.toISOString()}: who has it cannot tell what is revoked`,
      action,
    };
  if (edition.revocations < revocations)
    return {
      severity: 'info',
      message: `CRL ${number}${which} does not know the last ${revocations - edition.revocations} change(s)`,
      action,
    };
  return ok(`CRL ${number}${which} says everything, until ${nextUpdate.toISOString()}`);
}
