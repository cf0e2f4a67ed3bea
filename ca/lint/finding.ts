/** What is wrong with something that was about to be signed. */
export interface Finding {
  /** Identifier of the rule, stable; such as `CRT-23`. */
  readonly rule: string;
  /** One sentence with its source. */
  readonly says: string;
}

/** Nothing is signed that has findings: a fault of ours or of a profile, never the caller's. */
export class LintFindings extends Error {
  override readonly name = 'LintFindings';
  readonly findings: readonly Finding[];

  constructor(what: string, findings: readonly Finding[]) {
    const list = findings.map(({ rule, says }) => `${rule}: ${says}`).join(' ');
    super(`The ${what} would not be well-formed and is not signed. ${list}`);
    this.findings = findings;
  }
}

/** A rule: its identifier, what it says, and whether something keeps to it. */
export type Rule<Subject> = readonly [
  rule: string,
  says: string,
  holds: (subject: Subject) => boolean,
];

export function findingsOf<Subject>(subject: Subject, rules: readonly Rule<Subject>[]): Finding[] {
  return rules.filter(([, , holds]) => !holds(subject)).map(([rule, says]) => ({ rule, says }));
}
