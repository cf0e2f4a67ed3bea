import { type CaState, changeIssuer, keyThatIs } from './ca-state.ts';

/** What has come from the CA above for a request, DER in base64. */
export interface IssuingCertificate {
  readonly generation: number;
  readonly certificate: string;
  /** From the CA above up to the trust anchor. */
  readonly above: readonly string[];
}

/**
 * The requested key gets its certificate. Where the issuer has no active key, it issues from now on; else it waits for its
 * activation. @throws CaStateError
 */
export function certifyIssuer(
  state: CaState,
  name: string,
  { generation, certificate, above }: IssuingCertificate,
): CaState {
  return changeIssuer(state, name, (issuer) => {
    const next = keyThatIs(issuer, 'active') ? 'next' : 'active';
    const keys = issuer.keys.map((key) => {
      if (key.generation !== generation || key.state !== 'requested') return key;
      const { request: _, ...rest } = key;
      return { ...rest, state: next, certificate, above } as const;
    });
    return { ...issuer, keys };
  });
}
