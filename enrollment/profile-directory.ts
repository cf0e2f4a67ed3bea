import type { CompleteProfileConfig } from '../ca/check-profile.ts';

/** What is to become the next version of a profile. */
export interface ProfileDraft {
  readonly name: string;
  /** YAML, as the operator wrote it. */
  readonly text: string;
  /** The same, with nothing left out: a version says the same for ever. */
  readonly config: CompleteProfileConfig;
}

export interface ProfileVersion extends ProfileDraft {
  /** 1 for the first, and one more for each. */
  readonly version: number;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly active: boolean;
}

export type Activation =
  /** `version` is absent where the built-in profile is active now. */
  | { readonly kind: 'activated'; readonly name: string; readonly version?: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Port: the profiles that operators wrote, each version of them, and which of them is active. storage/ implements it. */
export interface ProfileDirectory {
  /** Grows with each activation. */
  revision(): Promise<number>;
  /** The active version of each profile that has one. */
  active(): Promise<ProfileVersion[]>;
  /** All versions, newest first, or those of one profile. */
  versions(filter: { name?: string }): Promise<ProfileVersion[]>;
  /** Stores the next version; it is active only once it is activated. */
  add(draft: ProfileDraft, by: string, at: Date): Promise<ProfileVersion>;
  /**
   * From then on certificates are made by this version.
   * @returns `refused` where a group that uses the profile contradicts it
   */
  activate(name: string, version: number, by: string, at: Date): Promise<Activation>;
  /**
   * Activates the version before the active one that ever was active, else the built-in profile.
   * @returns `refused` where there is neither, `unknown` where no version is active
   */
  rollBack(name: string, by: string, at: Date): Promise<Activation>;
}
