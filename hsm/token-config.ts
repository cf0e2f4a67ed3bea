/**
 * How the configuration names a token. The PIN is only ever referred to.
 */

/** Where the user PIN comes from: a file only its owner can read, or an environment variable. */
export type PinSource = { readonly file: string } | { readonly env: string };

export interface TokenConfig {
  /** Absolute path of the PKCS#11 library. */
  readonly module: string;
  /** Token label as C_GetTokenInfo reports it, without padding: 1 to 32 bytes of UTF-8. */
  readonly token: string;
  readonly pin: PinSource;
  /** Variables the library reads, such as SOFTHSM2_CONF; set before it is loaded. Never a PIN. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds one signature may take before the token counts as out of reach. */
  readonly deadline?: number;
  /** PKCS#11 sessions kept open for each key, hence its signatures in flight at once. */
  readonly sessions?: number;
  /** Milliseconds between two test signatures of the supervisor. */
  readonly probeInterval?: number;
}

/** Used for what a TokenConfig leaves out. */
export const tokenDefaults = { deadline: 5000, sessions: 4, probeInterval: 5000 } as const;

/** The least and the greatest of each, inclusive. */
export const tokenLimits = {
  deadline: [100, 60_000],
  sessions: [1, 64],
  probeInterval: [100, 600_000],
} as const;

/** Key pairs that are generated side by side, each in a session and on a thread of its own. */
export const keyGenerationsAtOnce = 2;

/** A token label is a fixed field of 32 bytes (PKCS#11 v2.40 section 3.2, CK_TOKEN_INFO). */
export const maxTokenLabelBytes = 32;

/**
 * Says in sentences what is wrong with a configuration; empty if nothing is.
 * Looks at the values alone, not at the files they name.
 */
export function checkTokenConfig(config: TokenConfig): string[] {
  const problems: string[] = [];
  if (!config.module.startsWith('/')) {
    problems.push('module must be the absolute path of a PKCS#11 library');
  }
  const labelProblem = tokenLabelProblem(config.token);
  if (labelProblem !== undefined) problems.push(labelProblem);
  const source = 'file' in config.pin ? config.pin.file : config.pin.env;
  if (source === '') problems.push('pin must name a file or an environment variable');
  problems.push(...limitProblems(config));
  return problems;
}

/** What is wrong with a token label, or undefined. */
export function tokenLabelProblem(label: string): string | undefined {
  const bytes = Buffer.byteLength(label);
  if (
    bytes >= 1 &&
    bytes <= maxTokenLabelBytes &&
    label.trim() === label &&
    !label.includes('\0')
  ) {
    return undefined;
  }
  return `token must be a label of 1 to ${maxTokenLabelBytes} bytes without spaces around it`;
}

const limited = ['deadline', 'sessions', 'probeInterval'] as const;

function limitProblems(config: TokenConfig): string[] {
  return limited.flatMap((name) => {
    const value = config[name] ?? tokenDefaults[name];
    const [low, high] = tokenLimits[name];
    return Number.isInteger(value) && value >= low && value <= high
      ? []
      : [`${name} must be a whole number from ${low} to ${high}`];
  });
}
