import type { Request, Response } from 'express';
import type { CaCertificate } from '../../ca/ca-chain.ts';
import type { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { IssuanceLedger } from '../../ca/issuance-ledger.ts';
import type { ActiveProfiles } from '../../enrollment/active-profiles.ts';
import type { EnrollmentParts } from '../../enrollment/admit.ts';
import type { FollowedRules } from '../../enrollment/allocation/followed-rules.ts';
import type { DeliveredAnswers } from '../../enrollment/delivered-answers.ts';
import type { DeviceKeySecrets, DeviceKeys } from '../../enrollment/device-keys.ts';
import type { DeviceRegistry } from '../../enrollment/device-registry.ts';
import type { Group } from '../../enrollment/group.ts';
import type { Issuers, IssuingAuthority } from '../../enrollment/issuers.ts';
import type { KeyGenerator } from '../../enrollment/key-generator.ts';
import type { KeyPackager } from '../../enrollment/key-package.ts';
import type { OneTimePasswordStore } from '../../enrollment/one-time-password-store.ts';
import type { RevocationChallenges } from '../../enrollment/revocation-challenge.ts';
import type { TenantDirectory } from '../../enrollment/tenant-directory.ts';
import type { Sightings } from '../events/sightings.ts';
import type { Authenticators } from './authenticate.ts';
import type { PendTokens } from './cmc/pend-token.ts';
import type { PopChallenges } from './cmc/pop-challenge.ts';

/** What the operations of EST work with. */
export interface EstParts extends EnrollmentParts {
  readonly issuers: Issuers<EstIssuer>;
  /** What the certificates of a device say. */
  readonly profiles: Pick<ActiveProfiles, 'of'>;
  /** Where devices go. */
  readonly allocation: Pick<FollowedRules, 'current'>;
  readonly ledger: IssuanceLedger;
  readonly devices: DeviceRegistry;
  readonly tenants: TenantDirectory;
  readonly revocationChallenges: RevocationChallenges;
  readonly authenticators: Authenticators;
  /** Counts wrong secrets that are no passwords. */
  readonly failures: Pick<OneTimePasswordStore, 'pauseOf' | 'recordFailure'>;
  readonly popChallenges: PopChallenges;
  readonly pendTokens: PendTokens;
  /** Makes the keys of /serverkeygen; in the token where its library can. */
  readonly keyGenerators: { readonly platform: KeyGenerator; readonly token?: KeyGenerator };
  /** Keys that devices decrypt with, and what opens those that are secret. */
  readonly deviceKeys: DeviceKeys;
  readonly deviceKeySecrets: DeviceKeySecrets;
  readonly deliveredAnswers: DeliveredAnswers;
  /** Notes for events. */
  readonly sightings?: Sightings;
}

/** A key of this server's own, whose certificate says id-kp-cmcCA (RFC 6402 section 2.10). */
export type CmcSigner = KeyPackager;

/** An issuing CA as EST shows it. */
export interface EstIssuer extends IssuingAuthority {
  /** What /cacerts gives. */
  readonly announced: readonly CaCertificate[];
  /** CRLs of the active key. */
  readonly crls: Pick<CrlPublisher, 'current'>;
}

/** A request that has found its operation. */
export interface EstExchange {
  readonly request: Request;
  readonly response: Response;
  readonly parts: EstParts;
  /** The label's group, where the path has a label. */
  readonly group?: Group;
  readonly requestId: string;
  /** Adds to the request's line in the log. */
  note(fields: Readonly<Record<string, unknown>>): void;
}

/** The issuing CA of the path's group; without a label the default one. @throws SignerUnavailable */
export function issuerOf({ parts, group }: Pick<EstExchange, 'parts' | 'group'>): EstIssuer {
  return parts.issuers.of(group);
}
