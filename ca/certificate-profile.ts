/**
 * What a kind of certificate says whatever its subject: ProfileConfig as an operator writes it, Profile as checked.
 */

import type { ExtendedKeyUsage } from './extensions/extended-key-usage.ts';
import type { KeyUsage } from './extensions/key-usage.ts';
import { defaultEndpointArc } from './extensions/upstream-endpoints.ts';

/** Where the upstream endpoints stand: our extension, that and Subject Information Access, or nowhere. */
export const endpointCarriers = ['extension', 'extension-and-sia', 'none'] as const;
export type EndpointCarrier = (typeof endpointCarriers)[number];

export interface ProfileConfig {
  /** How long certificates are valid: a number and s, m, h or d, such as `90d`. */
  readonly validity: string;
  readonly endpoints: EndpointCarrier;
}

export interface Profile {
  readonly name: string;
  readonly validitySeconds: number;
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
  /** Present for CA certificates. */
  readonly ca?: { readonly pathLength?: number };
  readonly endpoints: EndpointCarrier;
  /** The dotted arc of the endpoint extension. */
  readonly endpointArc: string;
  /** Which of the issuer's status URLs certificates carry, where the issuer has them. */
  readonly statusPointers: readonly StatusPointer[];
  /** Whether relying parties are told not to ask for the status of the certificate itself (RFC 6960 section 4.2.2.2.1). */
  readonly ocspNoCheck?: true;
}

/** What a certificate can say of its status: cRLDistributionPoints, and both access methods of authorityInfoAccess. */
export const statusPointers = ['crl', 'issuer', 'ocsp'] as const;
export type StatusPointer = (typeof statusPointers)[number];

/** notBefore lies this far back, for devices whose clock is slow. */
export const backdateSeconds = 300;

const day = 86_400;
const units = { s: 1, m: 60, h: 3600, d: day } as const;

/** Seconds in a duration such as `90d`, `24h`, `15m`, `30s`. @throws TypeError */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (!amount || !unit || Number(amount) === 0)
    throw new TypeError(
      `"${text}" is not a duration: write a number and s, m, h or d, such as 90d.`,
    );
  return Number(amount) * units[unit as keyof typeof units];
}

/** The profile of a device: it authenticates itself as a client, and nothing else. */
export function deviceProfile(config: ProfileConfig, endpointArc = defaultEndpointArc): Profile {
  return {
    name: 'device',
    validitySeconds: parseDuration(config.validity),
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    endpoints: config.endpoints,
    endpointArc,
    statusPointers,
  };
}

/**
 * The profile of a registration authority (RFC 6402 section 2.10): it is a client that may speak for others. Given only to
 * whom the registry names one.
 */
export function registrationAuthorityProfile(config: ProfileConfig): Profile {
  return {
    name: 'registration-authority',
    validitySeconds: parseDuration(config.validity),
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth', 'cmcRA'],
    statusPointers,
    ...noEndpoints,
  };
}

const noEndpoints = { endpoints: 'none', endpointArc: defaultEndpointArc } as const;
/** For the CA's own certificates: who takes one for good fetches no status of it. */
const own = { ...noEndpoints, statusPointers: [] } as const;

export const tlsServerProfile: Profile = {
  name: 'tls-server',
  validitySeconds: 397 * day,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['serverAuth'],
  ...own,
};

/** For the key that signs CMC answers and packages of generated keys, and no certificates (RFC 6402 section 2.10). */
export const cmcResponderProfile: Profile = {
  name: 'cmc-responder',
  validitySeconds: 10 * 365 * day,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['cmcCA'],
  ...own,
};

/** For the key that signs OCSP answers. Nobody asks for its status (RFC 6960 section 4.2.2.2.1), so it lives for a year. */
export const ocspResponderProfile: Profile = {
  name: 'ocsp-responder',
  validitySeconds: 365 * day,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['OCSPSigning'],
  ocspNoCheck: true,
  ...own,
};

export const rootCaProfile: Profile = {
  name: 'root-ca',
  validitySeconds: 20 * 365 * day,
  keyUsage: ['keyCertSign', 'cRLSign'],
  extendedKeyUsage: [],
  ca: {},
  ...own,
};

export const issuingCaProfile: Profile = {
  name: 'issuing-ca',
  validitySeconds: 10 * 365 * day,
  keyUsage: ['keyCertSign', 'cRLSign'],
  extendedKeyUsage: [],
  ca: { pathLength: 0 },
  ...own,
};
