/**
 * A fixed number of PKCS#11 sessions, each used by one signature at a time, since a session can
 * have one signing operation active (PKCS#11 v2.40 section 5.11, C_SignInit).
 */
import { SignerUnavailable } from '../ca/signer.ts';
import type { Handle } from './cryptoki.ts';
import { findPrivateKey } from './find-key.ts';
import type { OpenToken } from './open-token.ts';
import { Pkcs11Fault, pkcs11Code, pkcs11FaultClass } from './pkcs11-fault.ts';
import { TokenFault } from './token-fault.ts';

/** A session and the key as it is known there. */
export interface KeySession {
  readonly session: Handle;
  readonly key: Handle;
}

interface Waiter {
  readonly since: number;
  readonly resume: (slot: Slot) => void;
  readonly refuse: (reason: SignerUnavailable) => void;
}

interface Slot {
  current: KeySession;
}

/** More callers than this would wait longer than any of them cares to. */
const mostWaiting = 2000;

export interface SessionPoolOptions {
  readonly key: string;
  readonly sessions: number;
  /** Milliseconds a caller waits at most for a session. */
  readonly deadline: number;
}

export class SessionPool {
  readonly #token: OpenToken;
  readonly #options: SessionPoolOptions;
  readonly #idle: Slot[] = [];
  readonly #waiting: Waiter[] = [];
  #broken: SignerUnavailable | undefined;
  /** True while sessions are to be closed as they become idle. */
  #closing = false;

  /** Opens the sessions one after another; the token is logged in already. */
  constructor(token: OpenToken, options: SessionPoolOptions) {
    this.#token = token;
    this.#options = options;
    try {
      for (let i = 0; i < options.sessions; i += 1) this.#idle.push({ current: this.#open() });
    } catch (error) {
      this.close(new SignerUnavailable('the sessions could not all be opened'));
      throw error;
    }
  }

  /**
   * Runs `use` with a session of its own. When the session turns out to be lost, `use` runs once
   * more with a new one.
   * @param asError what to throw for an error; called before the session goes to the next caller,
   *   so that a `break` there keeps all others from a token that has failed
   * @param urgent goes before all that wait
   * @throws SignerUnavailable when no session became free in time; what `asError` returns
   */
  async use<T>(
    use: (session: KeySession) => T | Promise<T>,
    asError: (error: unknown) => unknown,
    urgent: boolean,
  ): Promise<T> {
    const slot = this.#idle.pop() ?? (await this.#wait(urgent));
    try {
      if (this.#broken !== undefined) throw this.#broken;
      return await this.#useTwice(slot, use);
    } catch (error) {
      throw asError(error);
    } finally {
      this.#release(slot);
    }
  }

  /** Refuses all that wait and all that come: nothing of this pool works any more. */
  break(reason: SignerUnavailable): void {
    this.#broken = reason;
    this.#closing = false;
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(reason);
  }

  /**
   * Refuses all that wait and all that come, and closes each session once nobody uses it. The
   * sessions of a broken pool are left alone: a call may hang in one of them, and closing it would
   * hang as well.
   */
  close(reason: SignerUnavailable): void {
    if (this.#broken !== undefined) return;
    this.break(reason);
    this.#closing = true;
    for (const { current } of this.#idle.splice(0)) this.#closeSession(current);
  }

  async #useTwice<T>(slot: Slot, use: (session: KeySession) => T | Promise<T>): Promise<T> {
    const lost = slot.current;
    try {
      return await use(lost);
    } catch (error) {
      if (pkcs11FaultClass(error) !== 'session') throw error;
    }
    slot.current = this.#rebuild(lost);
    try {
      return await use(slot.current);
    } catch (error) {
      if (pkcs11FaultClass(error) !== 'session') throw error;
      throw new TokenFault('module', `a new session is unusable as well: ${String(error)}`, {
        cause: error,
      });
    }
  }

  #open(): KeySession {
    const session = this.#token.openSession();
    try {
      return { session, key: findPrivateKey(this.#token, session, this.#options.key) };
    } catch (error) {
      this.#closeSession({ session });
      throw error;
    }
  }

  #rebuild(lost: KeySession): KeySession {
    try {
      this.#token.cryptoki.closeSession(lost.session);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    try {
      return this.#open();
    } catch (error) {
      // Without a login private objects are invisible rather than refused (section 4.4).
      const loggedOut = error instanceof TokenFault && error.kind === 'key';
      if (!loggedOut && pkcs11FaultClass(error) !== 'session') throw error;
    }
    this.#token.restoreLogin();
    return this.#open();
  }

  #wait(urgent: boolean): Promise<Slot> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#waiting.length >= mostWaiting) {
      throw new SignerUnavailable('too many signatures are waiting for the token', 1);
    }
    return new Promise((resume, refuse) => {
      const waiter = { since: performance.now(), resume, refuse };
      if (urgent) this.#waiting.unshift(waiter);
      else this.#waiting.push(waiter);
    });
  }

  #closeSession({ session }: Pick<KeySession, 'session'>): void {
    try {
      this.#token.cryptoki.closeSession(session);
    } catch (error) {
      // Whether the token still works is for signatures to say.
      if (!(error instanceof Pkcs11Fault)) throw error;
    }
  }

  #release(slot: Slot): void {
    if (this.#closing) {
      this.#closeSession(slot.current);
      return;
    }
    const oldest = performance.now() - this.#options.deadline;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.since >= oldest) {
        next.resume(slot);
        return;
      }
      next.refuse(new SignerUnavailable('no session of the token became free in time'));
    }
    this.#idle.push(slot);
  }
}

const goneCodes = [pkcs11Code('CKR_SESSION_HANDLE_INVALID'), pkcs11Code('CKR_SESSION_CLOSED')];

const isGone = (error: unknown): boolean =>
  error instanceof Pkcs11Fault && goneCodes.includes(error.code);
