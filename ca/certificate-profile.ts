/**
 * What a kind of certificate says whatever its subject: ProfileConfig as an operator writes it, Profile as checked
 * (check-profile.ts).
 */

import type { DeviceKeyType } from './device-key-types.ts';
import type { CertificatePolicy } from './extensions/certificate-policies.ts';
import type { ExtendedKeyUsage } from './extensions/extended-key-usage.ts';
import type { KeyUsage } from './extensions/key-usage.ts';
import { defaultEndpointArc } from './extensions/upstream-endpoints.ts';
import type { GeneralNameForm } from './general-names.ts';
import type { SubjectAttribute, SubjectTemplate } from './subject-template.ts';

/** Where the upstream endpoints stand: our extension, Subject Information Access, both, or nowhere. */
export const endpointCarriers = ['extension', 'sia', 'extension-and-sia', 'none'] as const;
export type EndpointCarrier = (typeof endpointCarriers)[number];

/** What a certificate can say of its status: cRLDistributionPoints, and both access methods of authorityInfoAccess. */
export const statusPointers = ['crl', 'issuer', 'ocsp'] as const;
export type StatusPointer = (typeof statusPointers)[number];

/** Which subject alternative names a certificate has, of those that the registry holds for its device. */
export interface NameRules {
  /** Forms of name that stand in every certificate, asked for or not. */
  readonly always: readonly GeneralNameForm[];
  /** Forms of name that stand where the request asks for them. */
  readonly requested: readonly GeneralNameForm[];
  /** Forms of name of which there must be one at least. */
  readonly required: readonly GeneralNameForm[];
  /**
   * Such as `DNS:{device}.plant.example` or `DNS:*.example`, where `*` is one or more characters, neither dot nor slash. A
   * form that has patterns stands only as one of them says.
   */
  readonly patterns: readonly string[];
  readonly most: number;
}

/** As an operator writes it; check-profile.ts says what stands for what is left out. */
export interface ProfileConfig {
  readonly subject?: Readonly<Partial<Record<SubjectAttribute, string | readonly string[]>>>;
  readonly subjectAltNames?: Partial<NameRules>;
  /** How long certificates are valid from their issuance: a number and s, m, h or d, such as `90d`. */
  readonly validity?: string;
  /** How long before their issuance they begin, for devices whose clock is slow. */
  readonly backdate?: string;
  /** Kinds of key; none means all that the server accepts. */
  readonly keyTypes?: readonly DeviceKeyType[];
  /** A usage that a key cannot have is left out: key-usage-of-key.ts. */
  readonly keyUsage?: readonly KeyUsage[];
  readonly extendedKeyUsage?: readonly ExtendedKeyUsage[];
  /** A dotted object identifier, alone or with its CPS URI. */
  readonly certificatePolicies?: readonly (string | CertificatePolicy)[];
  readonly endpoints?: EndpointCarrier;
  readonly statusPointers?: readonly StatusPointer[];
  /** Whether nobody is to look for its status (RFC 9608); for certificates that live for `shortLived` at most. */
  readonly noRevAvail?: boolean;
}

export interface Profile {
  readonly name: string;
  readonly subject: SubjectTemplate;
  readonly subjectAltNames: NameRules;
  readonly validitySeconds: number;
  readonly backdateSeconds: number;
  readonly keyTypes: readonly DeviceKeyType[];
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
  readonly certificatePolicies: readonly CertificatePolicy[];
  /** Present for CA certificates. */
  readonly ca?: {
    readonly pathLength?: number;
    /** SubjectPublicKeyInfo (DER) of the root after this one, whose hash it says (RFC 8649). */
    readonly nextRootKey?: Uint8Array;
  };
  readonly endpoints: EndpointCarrier;
  /** The dotted arc of the endpoint extension. */
  readonly endpointArc: string;
  /** Which of the issuer's status URLs certificates carry, where the issuer has them. */
  readonly statusPointers: readonly StatusPointer[];
  /** Whether relying parties are told not to ask for the status of the certificate itself (RFC 6960 section 4.2.2.2.1). */
  readonly ocspNoCheck?: true;
  /** The same in the words of RFC 9608, for short-lived certificates. */
  readonly noRevAvail?: true;
}

/** By default, notBefore lies this far back. */
export const backdateSeconds = 300;

const day = 86_400;
const units = { d: day, h: 3600, m: 60, s: 1 } as const;

/** Seconds in a duration such as `90d`, `24h`, `15m`, `30s`. @throws TypeError */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (!amount || !unit || Number(amount) === 0)
    throw new TypeError(
      `"${text}" is not a duration: write a number and s, m, h or d, such as 90d.`,
    );
  return Number(amount) * units[unit as keyof typeof units];
}

/** In the largest unit that leaves nothing over. */
export function formatDuration(seconds: number): string {
  const [unit, length] = Object.entries(units).find(([, each]) => seconds % each === 0) ?? ['s', 1];
  return `${seconds / length}${unit}`;
}

/** Names that the registry holds, where a request asks for them. */
const namesOnRequest: NameRules = {
  always: [],
  requested: ['DNS', 'IP', 'URI', 'email'],
  required: [],
  patterns: [],
  most: 32,
};
const noNames: NameRules = { ...namesOnRequest, requested: [], most: 0 };

const anyKey = { backdateSeconds, keyTypes: [], certificatePolicies: [] } as const;

/** A device authenticates itself as a client, and nothing else. */
export function deviceProfile(
  { validity = '90d', endpoints = 'extension' }: Pick<ProfileConfig, 'validity' | 'endpoints'>,
  endpointArc = defaultEndpointArc,
): Profile {
  return {
    ...anyKey,
    name: 'device',
    subject: [
      { type: 'commonName', text: '{device}' },
      { type: 'serialNumber', text: '{serial?}' },
    ],
    subjectAltNames: namesOnRequest,
    validitySeconds: parseDuration(validity),
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    endpoints,
    endpointArc,
    statusPointers,
  };
}

/**
 * The profile of a registration authority (RFC 6402 section 2.10): it is a client that may speak for others. Given only to
 * whom the registry names one.
 */
export function registrationAuthorityProfile(
  config: Pick<ProfileConfig, 'validity' | 'endpoints'>,
): Profile {
  return {
    ...deviceProfile(config),
    name: 'registration-authority',
    extendedKeyUsage: ['clientAuth', 'cmcRA'],
    ...noEndpoints,
  };
}

const noEndpoints = { endpoints: 'none', endpointArc: defaultEndpointArc } as const;
/** For the CA's own certificates: who takes one for good fetches no status of it. */
const own = { ...anyKey, ...noEndpoints, subjectAltNames: noNames, statusPointers: [] } as const;

/** Its names are those that devices reach the server by. */
export const tlsServerProfile: Profile = {
  ...own,
  name: 'tls-server',
  subject: [{ type: 'commonName', text: '{host}' }],
  subjectAltNames: { ...noNames, always: ['DNS', 'IP'], most: 32 },
  validitySeconds: 397 * day,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['serverAuth'],
};

/** For the key that signs CMC answers and packages of generated keys, and no certificates (RFC 6402 section 2.10). */
export const cmcResponderProfile: Profile = {
  ...own,
  name: 'cmc-responder',
  subject: [{ type: 'commonName', text: '{ca} CMC' }],
  validitySeconds: 10 * 365 * day,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['cmcCA'],
};

/** For the key that signs OCSP answers. Nobody asks for its status (RFC 6960 section 4.2.2.2.1), so it lives for a year. */
export const ocspResponderProfile: Profile = {
  ...own,
  name: 'ocsp-responder',
  subject: [{ type: 'commonName', text: '{ca} OCSP' }],
  validitySeconds: 365 * day,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['OCSPSigning'],
  ocspNoCheck: true,
};

/** The subjects of CAs are those that their keys were set up with. */
const ofCas = {
  ...own,
  subject: [],
  keyUsage: ['keyCertSign', 'cRLSign'],
  extendedKeyUsage: [],
} as const;

export const rootCaProfile: Profile = {
  ...ofCas,
  name: 'root-ca',
  validitySeconds: 20 * 365 * day,
  ca: {},
};

export const issuingCaProfile: Profile = {
  ...ofCas,
  name: 'issuing-ca',
  validitySeconds: 10 * 365 * day,
  ca: { pathLength: 0 },
};
