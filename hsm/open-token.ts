/**
 * Opens one token by its label and logs the user in.
 */
import type { Cryptoki, Handle } from './cryptoki.ts';
import { assertPinNotRefused, forgetPinRefusal, recordPinRefusal, remedy } from './pin-refused.ts';
import { Pkcs11Fault, pkcs11Code, pkcs11FaultClass } from './pkcs11-fault.ts';
import { describePinSource, readPin } from './read-pin.ts';
import type { TokenConfig } from './token-config.ts';
import { TokenFault } from './token-fault.ts';

export interface OpenTokenOptions {
  /** Path of the marker left when the PIN is refused; a login is refused while it stands. */
  readonly pinRefused?: string;
  /** Read-write is needed to generate keys only. */
  readonly access?: 'read-only' | 'read-write';
}

/**
 * Initialises the library, finds the token and logs in. Several tokens of one library may be open
 * side by side, each once.
 * @throws TokenFault; Pkcs11Fault when the library fails
 */
export function openToken(
  cryptoki: Cryptoki,
  config: Pick<TokenConfig, 'token' | 'pin'>,
  options: OpenTokenOptions = {},
): OpenToken {
  if (options.pinRefused !== undefined) assertPinNotRefused(options.pinRefused, config.pin);
  const pin = readPin(config.pin);
  initialize(cryptoki);
  let token: OpenToken | undefined;
  try {
    const slot = findToken(cryptoki, config.token);
    token = new OpenToken(cryptoki, slot, config, options);
    token.login(pin);
    return token;
  } catch (error) {
    leave(token ? () => token?.close() : () => cryptoki.finalize());
    throw error;
  }
}

/** What fails here adds nothing to why the token cannot be used. */
function leave(close: () => void): void {
  try {
    close();
  } catch (error) {
    if (!(error instanceof Pkcs11Fault)) throw error;
  }
}

/**
 * A token with the user logged in. Keeps one session of its own open for as long as it lives,
 * since closing the last session logs the user out (PKCS#11 v2.40 section 5.6, C_CloseSession).
 */
export class OpenToken {
  readonly cryptoki: Cryptoki;
  readonly slot: Handle;
  readonly label: string;
  readonly #pin: TokenConfig['pin'];
  readonly #options: OpenTokenOptions;
  #session: Handle;
  #refusal: TokenFault | undefined;

  constructor(
    cryptoki: Cryptoki,
    slot: Handle,
    config: Pick<TokenConfig, 'token' | 'pin'>,
    options: OpenTokenOptions,
  ) {
    this.cryptoki = cryptoki;
    this.slot = slot;
    this.label = config.token;
    this.#pin = config.pin;
    this.#options = options;
    this.#session = this.openSession();
  }

  /** The session that is always open; not for signing. */
  get session(): Handle {
    return this.#session;
  }

  /** Another session, sharing the login. */
  openSession(): Handle {
    return this.cryptoki.openSession(this.slot, this.#options.access ?? 'read-only');
  }

  /**
   * Logs in. After a refusal it never asks the token again, whatever the caller does.
   * @throws TokenFault `credential`
   */
  login(pin: string): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    try {
      this.cryptoki.login(this.#session, 'user', pin);
    } catch (error) {
      if (error instanceof Pkcs11Fault && error.code === alreadyLoggedIn) return;
      if (pkcs11FaultClass(error) !== 'credential') throw error;
      this.#refusal = this.#refused(error as Pkcs11Fault);
      throw this.#refusal;
    }
    if (this.#options.pinRefused !== undefined) forgetPinRefusal(this.#options.pinRefused);
  }

  /**
   * Makes the login good again after sessions were lost. Only a PIN that this process has
   * already used with success comes here, or one written since.
   */
  restoreLogin(): void {
    try {
      this.cryptoki.closeSession(this.#session);
    } catch (error) {
      if (pkcs11FaultClass(error) !== 'session') throw error;
    }
    this.#session = this.openSession();
    this.login(readPin(this.#pin));
  }

  /**
   * Closes every session of this token, and finalises the library unless another of its tokens is
   * open: both are process-wide.
   */
  close(): void {
    this.cryptoki.closeAllSessions(this.slot);
    this.cryptoki.finalize();
  }

  #refused(fault: Pkcs11Fault): TokenFault {
    const next = this.#leaveMarker(fault);
    return new TokenFault(
      'credential',
      `token ${this.label} refused the PIN from ${describePinSource(this.#pin)}: ${fault.message}; ${next}`,
      { cause: fault },
    );
  }

  /** @returns what the operator has to do; a full disk must not turn this into another fault */
  #leaveMarker(fault: Pkcs11Fault): string {
    const marker = this.#options.pinRefused;
    if (marker === undefined) return 'it is not tried again';
    try {
      recordPinRefusal(marker, this.#pin, fault.message);
      return remedy(marker, this.#pin);
    } catch (error) {
      return `the marker ${marker} could not be written (${String(error)}); do not start again before the PIN is right`;
    }
  }
}

const alreadyLoggedIn = pkcs11Code('CKR_USER_ALREADY_LOGGED_IN');
const alreadyInitialized = pkcs11Code('CKR_CRYPTOKI_ALREADY_INITIALIZED');

function initialize(cryptoki: Cryptoki): void {
  try {
    cryptoki.initialize();
  } catch (error) {
    if (!(error instanceof Pkcs11Fault && error.code === alreadyInitialized)) throw error;
  }
}

/** The slot of the one initialised token with that label. @throws TokenFault `module` */
function findToken(cryptoki: Cryptoki, label: string): Handle {
  const present = cryptoki.tokens().filter((token) => token.initialized);
  const [found, second] = present.filter((token) => token.label === label);
  if (found === undefined) {
    const labels = present.map((token) => JSON.stringify(token.label)).join(', ') || 'none';
    throw new TokenFault(
      'module',
      `token ${JSON.stringify(label)} is not there; present: ${labels}`,
    );
  }
  if (second !== undefined) {
    throw new TokenFault('module', `several tokens are labelled ${JSON.stringify(label)}`);
  }
  return found.slot;
}
