import type { EndpointCarrier } from '../../ca/certificate-profile.ts';
import { type Examined, type Finding, ok } from './finding.ts';

/** The smallest number that a program cannot read in the object identifier of an extension, whose certificate it then refuses. */
const limits: readonly (readonly [program: string, limit: bigint])[] = [
  ['Go', 2n ** 31n],
  ['GnuTLS', 2n ** 64n],
];

/** docs/decisions/0004-endpoint-arc.md. */
export function checkEndpointArc({ config }: Examined): Finding[] {
  return [endpointArcFinding(config.endpointArc, config.profiles.device.endpoints)];
}

/** @param arc dotted @param carrier where device certificates have their endpoints */
export function endpointArcFinding(arc: string, carrier: EndpointCarrier = 'extension'): Finding {
  const numbers = arc.split('.').map(BigInt);
  const refusing = limits.filter(([, limit]) => numbers.some((number) => number >= limit));
  if (carrier === 'none' || carrier === 'sia' || refusing.length === 0)
    return ok('certificates with endpoints can be read by every program we know of');
  const programs = refusing.map(([program]) => program).join(' and ');
  return {
    severity: 'info',
    message: `${programs} programs refuse device certificates with endpoints, since the numbers of the arc ${arc} are too large for them`,
    action:
      'if brokers or devices use them, set endpointArc to an arc of your organisation, or endpoints to sia',
  };
}
