import { makeCaRequest } from '../ca/ca-request.ts';
import { addIssuer, addIssuingKey, type CaState, type IssuingKeyState } from '../ca/ca-state.ts';
import type { OpenToken } from '../hsm/open-token.ts';
import type { Config } from '../server/config.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa } from './certification-authority.ts';
import { type IssuingKeyOrder, makeIssuingKey } from './make-issuing-key.ts';
import { base64 } from './set-up-ca.ts';

export interface IssuerRequestOrder extends IssuingKeyOrder {
  /** Name, DER. */
  readonly subject: Uint8Array;
  readonly tenant?: string;
}

/**
 * Makes an issuing key and the request for its certificate, for an issuer that is new or has a key already.
 * @returns PKCS #10, DER
 * @throws TokenFault; CaStateError; CommandError; then there is no new key
 */
export function requestIssuer(
  config: Config,
  stores: Pick<Stores, 'caState'>,
  token: OpenToken,
  order: IssuerRequestOrder,
): Promise<Uint8Array> {
  return makeIssuingKey(config, token, order, async ({ key, signer }) => {
    const request = await makeCaRequest(order.subject, signer);
    const requested: IssuingKeyState = {
      ...key,
      generation: order.generation,
      state: 'requested',
      request: base64(request),
      above: [],
      delegated: {},
    };
    const change = {
      action: 'ca.request-made',
      object: order.issuer,
      details: { generation: order.generation },
    };
    await changeCa(stores, config.directory, change, (state) => added(state, order, requested));
    return request;
  });
}

function added(
  state: CaState,
  { issuer: name, token, tenant }: IssuerRequestOrder,
  key: IssuingKeyState,
): CaState {
  if (state.issuers.some((issuer) => issuer.name === name)) return addIssuingKey(state, name, key);
  return addIssuer(state, {
    name,
    token,
    ...(tenant === undefined ? {} : { tenant }),
    keys: [key],
  });
}
