import type { Request, Response } from 'express';
import type { CaChain } from '../../ca/ca-chain.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Profile } from '../../ca/certificate-profile.ts';
import type { Group } from '../../enrollment/group.ts';
import type { TenantDirectory } from '../../enrollment/tenant-directory.ts';
import type { Authenticators } from './authenticate.ts';

/** What the operations of EST work with. */
export interface EstParts {
  readonly authority: CertificateAuthority;
  readonly chain: CaChain;
  readonly deviceProfile: Profile;
  readonly tenants: TenantDirectory;
  readonly authenticators: Authenticators;
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
