import { lookAgain } from '../look-again.ts';
import { type AllocationRules, noRules, readyPolicy } from './allocate.ts';
import type { AllocationDirectory } from './allocation-directory.ts';

export interface AllocationRulesParts {
  readonly directory: Pick<AllocationDirectory, 'revision' | 'policies' | 'down'>;
  /** Called when the rules could not be read again; the last ones serve on. */
  report(error: unknown): void;
}

/** The rules by which devices get their endpoints, kept in memory: what an operator changes is followed within seconds. */
export class FollowedRules {
  readonly #parts: AllocationRulesParts;
  #revision = -1;
  #rules: AllocationRules = noRules;
  #close: () => void = () => undefined;

  private constructor(parts: AllocationRulesParts) {
    this.#parts = parts;
  }

  /** @throws StorageUnavailable */
  static async read(parts: AllocationRulesParts): Promise<FollowedRules> {
    const rules = new FollowedRules(parts);
    await rules.refresh();
    return rules;
  }

  get current(): AllocationRules {
    return this.#rules;
  }

  /** Reads what was changed since; one cheap query where that is nothing. */
  async refresh(): Promise<void> {
    const { directory } = this.#parts;
    const revision = await directory.revision();
    if (revision === this.#revision) return;
    const [policies, down] = await Promise.all([directory.policies(), directory.down()]);
    this.#rules = {
      policies: new Map(policies.map(({ label, policy }) => [label, readyPolicy(policy)])),
      down: new Set(down.map(({ endpoint }) => endpoint)),
    };
    this.#revision = revision;
  }

  /** Looks every second what was changed, until it is closed. */
  follow(): void {
    this.#close = lookAgain(
      () => this.refresh(),
      (error) => this.#parts.report(error),
    );
  }

  close(): void {
    this.#close();
  }
}
