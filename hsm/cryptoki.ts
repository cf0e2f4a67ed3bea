/**
 * The PKCS#11 functions we call, and no others. The only file that knows pkcs11js.
 */

import pkcs11js from 'pkcs11js';
import { Pkcs11Fault } from './pkcs11-fault.ts';
import { TokenFault } from './token-fault.ts';

/** Opaque native handle of a slot, session or object (CK_ULONG in host order). */
export type Handle = Buffer;

export type AttributeValue = Buffer | string | number | boolean;
/** Attributes by CKA_ code. */
export type Template = ReadonlyArray<readonly [type: number, value: AttributeValue]>;

/** CK_MECHANISM of a signature. */
export interface SignMechanism {
  readonly mechanism: number;
  /** CK_RSA_PKCS_PSS_PARAMS (PKCS#11 v2.40 mechanisms section 2.1.7). */
  readonly parameter?: pkcs11js.RsaPSS;
}

export interface KeyPairHandles {
  readonly publicKey: Handle;
  readonly privateKey: Handle;
}

/**
 * Cryptoki as we use it. Each method is the C_ function of that name, except where said; each
 * throws Pkcs11Fault when the library does not answer CKR_OK. Tests wrap it to inject faults.
 */
export interface Cryptoki {
  /**
   * With CKF_OS_LOCKING_OK, as signatures run on several threads (PKCS#11 v2.40 section 5.4). Once
   * for all in this process who use the library: each has to `finalize`.
   */
  initialize(): void;
  /**
   * When the last user does it, C_Finalize: process-wide, invalidates every session and handle of
   * everyone.
   */
  finalize(): void;
  /** Slots that hold a token, with the token's label without padding. */
  tokens(): { readonly slot: Handle; readonly label: string; readonly initialized: boolean }[];
  /** C_GetMechanismList: the CKM_ codes the token knows. */
  mechanisms(slot: Handle): number[];
  initToken(slot: Handle, soPin: string, label: string): void;
  initPin(session: Handle, pin: string): void;
  openSession(slot: Handle, access: 'read-only' | 'read-write'): Handle;
  closeSession(session: Handle): void;
  /** Process-wide, and logs the user out. */
  closeAllSessions(slot: Handle): void;
  login(session: Handle, user: 'user' | 'security-officer', pin: string): void;
  /** C_FindObjectsInit, C_FindObjects and C_FindObjectsFinal; at most `most` handles. */
  findObjects(session: Handle, template: Template, most: number): Handle[];
  /** One value per type, in order; undefined for an attribute the object does not have or show. */
  attributes(session: Handle, object: Handle, types: readonly number[]): (Buffer | undefined)[];
  setAttributes(session: Handle, object: Handle, template: Template): void;
  createObject(session: Handle, template: Template): Handle;
  destroyObject(session: Handle, object: Handle): void;
  generateKeyPair(
    session: Handle,
    mechanism: number,
    publicTemplate: Template,
    privateTemplate: Template,
  ): Promise<KeyPairHandles>;
  wrapKey(session: Handle, mechanism: number, wrappingKey: Handle, key: Handle): Promise<Buffer>;
  /** C_SignInit and C_Sign, without leaving the event loop. */
  sign(session: Handle, mechanism: SignMechanism, key: Handle, data: Buffer): Buffer;
  /** C_SignInit here, C_Sign on another thread. */
  signAsync(session: Handle, mechanism: SignMechanism, key: Handle, data: Buffer): Promise<Buffer>;
}

const { CKA_CLASS, CKA_LABEL, CKA_ID, CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE } = pkcs11js;
const { CKA_EXTRACTABLE, CKA_SIGN, CKA_VERIFY, CKA_DERIVE, CKA_DECRYPT, CKA_UNWRAP } = pkcs11js;
const { CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_EC_POINT, CKA_MODULUS, CKA_MODULUS_BITS } = pkcs11js;
const { CKA_PUBLIC_EXPONENT, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKK_RSA, CKK_EC } = pkcs11js;
const { CKM_ECDSA, CKM_RSA_PKCS, CKM_EC_KEY_PAIR_GEN, CKM_RSA_PKCS_KEY_PAIR_GEN } = pkcs11js;
const { CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1 } = pkcs11js;
const { CKA_EXPONENT_2, CKA_COEFFICIENT, CKA_WRAP, CKO_SECRET_KEY, CKK_AES } = pkcs11js;
const { CKM_AES_KEY_WRAP_PAD, CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256 } = pkcs11js;
const { CK_PARAMS_RSA_PSS } = pkcs11js;

/** The PKCS#11 constants we use, by their names in the standard. */
export const ck = {
  CKA_CLASS,
  CKA_LABEL,
  CKA_ID,
  CKA_TOKEN,
  CKA_PRIVATE,
  CKA_SENSITIVE,
  CKA_EXTRACTABLE,
  CKA_SIGN,
  CKA_VERIFY,
  CKA_DERIVE,
  CKA_DECRYPT,
  CKA_UNWRAP,
  CKA_KEY_TYPE,
  CKA_EC_PARAMS,
  CKA_EC_POINT,
  CKA_MODULUS,
  CKA_MODULUS_BITS,
  CKA_PUBLIC_EXPONENT,
  CKO_PUBLIC_KEY,
  CKO_PRIVATE_KEY,
  CKK_RSA,
  CKK_EC,
  CKM_ECDSA,
  CKM_RSA_PKCS,
  CKM_EC_KEY_PAIR_GEN,
  CKM_RSA_PKCS_KEY_PAIR_GEN,
  CKA_VALUE,
  CKA_PRIVATE_EXPONENT,
  CKA_PRIME_1,
  CKA_PRIME_2,
  CKA_EXPONENT_1,
  CKA_EXPONENT_2,
  CKA_COEFFICIENT,
  CKA_WRAP,
  CKO_SECRET_KEY,
  CKK_AES,
  CKM_AES_KEY_WRAP_PAD,
  CKM_RSA_PKCS_PSS,
  CKM_SHA256,
  CKG_MGF1_SHA256,
  CK_PARAMS_RSA_PSS,
  /** PKCS#11 v3.0 mechanisms section 2.3.5, which pkcs11js does not name, as the next two. */
  CKM_EC_EDWARDS_KEY_PAIR_GEN: 0x1055,
  CKM_EDDSA: 0x1057,
  CKK_EC_EDWARDS: 0x40,
  /** PKCS#11 v3.0 mechanisms section 2.9.2. */
  CKM_AES_KEY_WRAP_KWP: 0x210b,
} as const;

/** Room for the longest signature we ask for (RSA-4096 is 512 bytes). */
const signatureRoom = 1024;

/** Room for the longest wrapped key we ask for (RSA-4096 is 2384 bytes). */
const wrappedKeyRoom = 4096;

/** pkcs11js puts name and value of a CK_RV into the message, always as NAME:decimal. */
const returnValue = /\bCKR_\w+:(\d+)/;

/** What cryptoki throws for an error of pkcs11js; errors of another kind stay what they are. */
function asFault(call: string, error: unknown): unknown {
  if (error instanceof pkcs11js.Pkcs11Error) return new Pkcs11Fault(call, error.code);
  const code = error instanceof Error ? returnValue.exec(error.message)?.[1] : undefined;
  return code === undefined ? error : new Pkcs11Fault(call, Number(code));
}

function calling<T>(call: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw asFault(call, error);
  }
}

async function callingAsync<T>(call: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw asFault(call, error);
  }
}

const asAttributes = (template: Template): pkcs11js.Template =>
  template.map(([type, value]) => ({ type, value }));

/** Objects may lack an attribute or refuse to show it; both are answers, not faults. */
const unavailableAttribute = new Set([0x11, 0x12]);

class Pkcs11jsCryptoki implements Cryptoki {
  readonly #native: pkcs11js.PKCS11;
  #users = 0;

  constructor(native: pkcs11js.PKCS11) {
    this.#native = native;
  }

  get isUsed(): boolean {
    return this.#users > 0;
  }

  initialize(): void {
    if (this.#users === 0) this.#initialize();
    this.#users += 1;
  }

  #initialize(): void {
    const flags = pkcs11js.CKF_OS_LOCKING_OK;
    calling('C_Initialize', () => this.#native.C_Initialize({ flags }));
  }

  finalize(): void {
    this.#users = Math.max(0, this.#users - 1);
    if (this.#users === 0) calling('C_Finalize', () => this.#native.C_Finalize());
  }

  tokens(): ReturnType<Cryptoki['tokens']> {
    const slots = calling('C_GetSlotList', () => this.#native.C_GetSlotList(true));
    return slots.map((slot) => {
      const info = calling('C_GetTokenInfo', () => this.#native.C_GetTokenInfo(slot));
      const initialized = (info.flags & pkcs11js.CKF_TOKEN_INITIALIZED) !== 0;
      return { slot, label: info.label.replace(/[ \0]+$/, ''), initialized };
    });
  }

  mechanisms(slot: Handle): number[] {
    return calling('C_GetMechanismList', () => this.#native.C_GetMechanismList(slot));
  }

  initToken(slot: Handle, soPin: string, label: string): void {
    // The library reads 32 bytes whatever the length, so the blanks must be there.
    const padded = label + ' '.repeat(Math.max(0, 32 - Buffer.byteLength(label)));
    calling('C_InitToken', () => this.#native.C_InitToken(slot, soPin, padded));
  }

  initPin(session: Handle, pin: string): void {
    calling('C_InitPIN', () => this.#native.C_InitPIN(session, pin));
  }

  openSession(slot: Handle, access: 'read-only' | 'read-write'): Handle {
    const write = access === 'read-write' ? pkcs11js.CKF_RW_SESSION : 0;
    const flags = pkcs11js.CKF_SERIAL_SESSION | write;
    return calling('C_OpenSession', () => this.#native.C_OpenSession(slot, flags));
  }

  closeSession(session: Handle): void {
    calling('C_CloseSession', () => this.#native.C_CloseSession(session));
  }

  closeAllSessions(slot: Handle): void {
    calling('C_CloseAllSessions', () => this.#native.C_CloseAllSessions(slot));
  }

  login(session: Handle, user: 'user' | 'security-officer', pin: string): void {
    const type = user === 'user' ? pkcs11js.CKU_USER : pkcs11js.CKU_SO;
    calling('C_Login', () => this.#native.C_Login(session, type, pin));
  }

  findObjects(session: Handle, template: Template, most: number): Handle[] {
    calling('C_FindObjectsInit', () =>
      this.#native.C_FindObjectsInit(session, asAttributes(template)),
    );
    try {
      return calling('C_FindObjects', () => this.#native.C_FindObjects(session, most));
    } finally {
      calling('C_FindObjectsFinal', () => this.#native.C_FindObjectsFinal(session));
    }
  }

  attributes(session: Handle, object: Handle, types: readonly number[]): (Buffer | undefined)[] {
    return types.map((type) => this.#attribute(session, object, type));
  }

  #attribute(session: Handle, object: Handle, type: number): Buffer | undefined {
    try {
      const [result] = calling('C_GetAttributeValue', () =>
        this.#native.C_GetAttributeValue(session, object, [{ type }]),
      );
      return result?.value;
    } catch (error) {
      if (error instanceof Pkcs11Fault && unavailableAttribute.has(error.code)) return undefined;
      throw error;
    }
  }

  setAttributes(session: Handle, object: Handle, template: Template): void {
    calling('C_SetAttributeValue', () =>
      this.#native.C_SetAttributeValue(session, object, asAttributes(template)),
    );
  }

  createObject(session: Handle, template: Template): Handle {
    return calling('C_CreateObject', () =>
      this.#native.C_CreateObject(session, asAttributes(template)),
    );
  }

  destroyObject(session: Handle, object: Handle): void {
    calling('C_DestroyObject', () => this.#native.C_DestroyObject(session, object));
  }

  generateKeyPair(
    session: Handle,
    mechanism: number,
    publicTemplate: Template,
    privateTemplate: Template,
  ): Promise<KeyPairHandles> {
    return callingAsync('C_GenerateKeyPair', () =>
      this.#native.C_GenerateKeyPairAsync(
        session,
        { mechanism },
        asAttributes(publicTemplate),
        asAttributes(privateTemplate),
      ),
    );
  }

  async wrapKey(
    session: Handle,
    mechanism: number,
    wrappingKey: Handle,
    key: Handle,
  ): Promise<Buffer> {
    const held = { data: key, room: Buffer.alloc(wrappedKeyRoom) };
    inFlight.add(held);
    try {
      return await callingAsync('C_WrapKey', () =>
        this.#native.C_WrapKeyAsync(session, { mechanism }, wrappingKey, key, held.room),
      );
    } finally {
      inFlight.delete(held);
    }
  }

  sign(session: Handle, mechanism: SignMechanism, key: Handle, data: Buffer): Buffer {
    calling('C_SignInit', () => this.#native.C_SignInit(session, mechanism, key));
    const room = Buffer.alloc(signatureRoom);
    return calling('C_Sign', () => this.#native.C_Sign(session, data, room));
  }

  async signAsync(
    session: Handle,
    mechanism: SignMechanism,
    key: Handle,
    data: Buffer,
  ): Promise<Buffer> {
    calling('C_SignInit', () => this.#native.C_SignInit(session, mechanism, key));
    const held = { data, room: Buffer.alloc(signatureRoom) };
    inFlight.add(held);
    try {
      return await this.#native.C_SignAsync(session, held.data, held.room);
    } catch (error) {
      throw asFault('C_Sign', error);
    } finally {
      inFlight.delete(held);
    }
  }
}

/** The native side keeps bare pointers into these buffers, unseen by the garbage collector. */
const inFlight = new Set<{ readonly data: Buffer; readonly room: Buffer }>();

/** A library is one for the whole process, however often it is asked for. */
const loaded = new Map<string, Pkcs11jsCryptoki>();

/**
 * Loads a PKCS#11 library, after setting the variables it reads with setenv(3); does not
 * initialise it.
 * @throws TokenFault `config` when the library cannot be loaded, or is in use in this process with
 *   other values of its variables, which it reads once
 */
export function loadCryptoki(
  module: string,
  environment: Readonly<Record<string, string>> = {},
): Cryptoki {
  const known = loaded.get(module);
  for (const [name, value] of Object.entries(environment)) {
    if (known?.isUsed && process.env[name] !== value) {
      throw new TokenFault(
        'config',
        `${module} is in use with another ${name}, and one process cannot use it with both; give its tokens the same ${name}`,
      );
    }
    process.env[name] = value;
  }
  if (known) return known;
  const native = new pkcs11js.PKCS11();
  try {
    native.load(module);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenFault('config', `${module} cannot be loaded: ${reason}`, { cause });
  }
  const cryptoki = new Pkcs11jsCryptoki(native);
  loaded.set(module, cryptoki);
  return cryptoki;
}
