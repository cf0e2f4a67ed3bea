import { X509Certificate } from 'node:crypto';
import {
  changeIssuingKey,
  type DelegatedKeyState,
  type DelegationName,
  defaultIssuer,
  issuerIn,
} from '../../ca/ca-state.ts';
import { withStores } from '../../cli/data.ts';
import { changeCaState } from './change-ca.ts';

/** The key of the default issuer that signs answers; undefined where there is none. */
export async function delegatedKeyIn(
  data: string,
  which: DelegationName,
): Promise<(DelegatedKeyState & { readonly pem: string }) | undefined> {
  const { state } = await withStores({ data }, ({ caState }) => caState.load());
  const key = issuerIn(state, defaultIssuer).keys[0]?.delegated[which];
  if (!key) return undefined;
  const certificate = new X509Certificate(Buffer.from(key.certificate, 'base64'));
  return { ...key, pem: certificate.toString() };
}

/** Puts another key on record, or none, as no command would. @param change of the key there is, or a whole one */
export function changeDelegatedKey(
  data: string,
  which: DelegationName,
  change: Partial<DelegatedKeyState> | undefined,
): Promise<void> {
  return changeCaState(data, (state) =>
    changeIssuingKey(state, defaultIssuer, 1, (key) => {
      const { [which]: now, ...others } = key.delegated;
      const changed = change ? { [which]: { ...now, ...change } } : {};
      return { ...key, delegated: { ...others, ...changed } };
    }),
  );
}
