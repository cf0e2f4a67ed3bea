import {
  type CertificationAuthority,
  issuingKeysOf,
  type TokenKeyName,
} from '../../ca/certification-authority.ts';
import { openSigners } from '../../hsm/open-signers.ts';
import type { OpenToken } from '../../hsm/open-token.ts';
import type { Config } from '../../server/config.ts';
import { loadCa } from '../certification-authority.ts';
import { openNamedToken } from '../open-ca.ts';
import { type Examined, type Finding, ok } from './finding.ts';

/** Opens each token once, beside a server, and signs with each key what can be no certificate. */
export async function checkKeys({ config, stores, now }: Examined): Promise<Finding[]> {
  const opened = await stores();
  const { state } = await opened.caState.load();
  const findings: Finding[] = [];
  const keys = Map.groupBy(keysOf(await loadCa(opened), now), ({ token }) => token);
  for (const [name, ofToken] of keys) findings.push(...(await signatures(name, ofToken, config)));
  const { root } = state;
  if (root && !keys.has(root.token))
    findings.push(
      ok(`the token "${root.token}" of the root is not needed for daily work, and was not opened`),
    );
  return findings;
}

function keysOf(ca: CertificationAuthority, now: Date): TokenKeyName[] {
  return issuingKeysOf(ca)
    .filter(({ chain }) => chain.issuing.notAfter > now)
    .flatMap((key) => [key, ...Object.values(key.delegated)]);
}

async function signatures(
  name: string,
  keys: readonly TokenKeyName[],
  config: Config,
): Promise<Finding[]> {
  const token = openNamedToken(config, name);
  try {
    const findings: Finding[] = [];
    for (const key of keys) findings.push(await signatureBy(key, token, config));
    return findings;
  } finally {
    token.close();
  }
}

async function signatureBy(
  { label, publicKey, algorithm, token: name }: TokenKeyName,
  token: OpenToken,
  { tokens }: Config,
): Promise<Finding> {
  const certificate = 'its certificate';
  try {
    await openSigners(token, { ...tokens[name], sessions: 1 }, [
      { label, publicKey, algorithm, certificate },
    ]);
    return ok(`the key ${label} signs, and fits ${certificate}`);
  } catch (error) {
    return {
      severity: 'critical',
      message: `the key ${label} does not do: ${error instanceof Error ? error.message : error}`,
      action: 'see that the token is there and unchanged; restore it from its backup if it is not',
    };
  }
}
