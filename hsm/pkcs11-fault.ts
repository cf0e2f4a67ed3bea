/**
 * What a PKCS#11 return value means for us (PKCS#11 v2.40 section 5.1, Function return values).
 */

/**
 * What to do about an error:
 * - `session`: open another session, find the key again, try once more
 * - `module`: the library must be loaded afresh, in another process
 * - `credential`: stop; another try could lock the token
 * - `request`: the call itself is wrong; trying again changes nothing
 */
export type Pkcs11FaultClass = 'session' | 'module' | 'credential' | 'request';

type Row = readonly [code: number, name: string, faultClass: Pkcs11FaultClass];

/** Every return value we expect to meet, with its class. */
export const pkcs11Faults: readonly Row[] = [
  [0x001, 'CKR_CANCEL', 'request'],
  [0x002, 'CKR_HOST_MEMORY', 'module'],
  [0x003, 'CKR_SLOT_ID_INVALID', 'module'],
  [0x005, 'CKR_GENERAL_ERROR', 'module'],
  [0x006, 'CKR_FUNCTION_FAILED', 'module'],
  [0x007, 'CKR_ARGUMENTS_BAD', 'request'],
  [0x00a, 'CKR_CANT_LOCK', 'module'],
  [0x010, 'CKR_ATTRIBUTE_READ_ONLY', 'request'],
  [0x011, 'CKR_ATTRIBUTE_SENSITIVE', 'request'],
  [0x012, 'CKR_ATTRIBUTE_TYPE_INVALID', 'request'],
  [0x013, 'CKR_ATTRIBUTE_VALUE_INVALID', 'request'],
  [0x020, 'CKR_DATA_INVALID', 'request'],
  [0x021, 'CKR_DATA_LEN_RANGE', 'request'],
  [0x030, 'CKR_DEVICE_ERROR', 'module'],
  [0x031, 'CKR_DEVICE_MEMORY', 'module'],
  [0x032, 'CKR_DEVICE_REMOVED', 'module'],
  [0x050, 'CKR_FUNCTION_CANCELED', 'module'],
  [0x054, 'CKR_FUNCTION_NOT_SUPPORTED', 'request'],
  [0x060, 'CKR_KEY_HANDLE_INVALID', 'session'],
  [0x062, 'CKR_KEY_SIZE_RANGE', 'request'],
  [0x063, 'CKR_KEY_TYPE_INCONSISTENT', 'request'],
  [0x068, 'CKR_KEY_FUNCTION_NOT_PERMITTED', 'request'],
  [0x069, 'CKR_KEY_NOT_WRAPPABLE', 'request'],
  [0x06a, 'CKR_KEY_UNEXTRACTABLE', 'request'],
  [0x070, 'CKR_MECHANISM_INVALID', 'request'],
  [0x071, 'CKR_MECHANISM_PARAM_INVALID', 'request'],
  [0x082, 'CKR_OBJECT_HANDLE_INVALID', 'session'],
  [0x090, 'CKR_OPERATION_ACTIVE', 'session'],
  [0x091, 'CKR_OPERATION_NOT_INITIALIZED', 'session'],
  [0x0a0, 'CKR_PIN_INCORRECT', 'credential'],
  [0x0a1, 'CKR_PIN_INVALID', 'credential'],
  [0x0a2, 'CKR_PIN_LEN_RANGE', 'credential'],
  [0x0a3, 'CKR_PIN_EXPIRED', 'credential'],
  [0x0a4, 'CKR_PIN_LOCKED', 'credential'],
  [0x0b0, 'CKR_SESSION_CLOSED', 'session'],
  [0x0b1, 'CKR_SESSION_COUNT', 'module'],
  [0x0b3, 'CKR_SESSION_HANDLE_INVALID', 'session'],
  [0x0b5, 'CKR_SESSION_READ_ONLY', 'request'],
  [0x0b6, 'CKR_SESSION_EXISTS', 'request'],
  [0x0d0, 'CKR_TEMPLATE_INCOMPLETE', 'request'],
  [0x0d1, 'CKR_TEMPLATE_INCONSISTENT', 'request'],
  [0x0e0, 'CKR_TOKEN_NOT_PRESENT', 'module'],
  [0x0e1, 'CKR_TOKEN_NOT_RECOGNIZED', 'module'],
  [0x0e2, 'CKR_TOKEN_WRITE_PROTECTED', 'request'],
  [0x100, 'CKR_USER_ALREADY_LOGGED_IN', 'request'],
  [0x101, 'CKR_USER_NOT_LOGGED_IN', 'session'],
  [0x102, 'CKR_USER_PIN_NOT_INITIALIZED', 'credential'],
  [0x103, 'CKR_USER_TYPE_INVALID', 'credential'],
  [0x104, 'CKR_USER_ANOTHER_ALREADY_LOGGED_IN', 'credential'],
  [0x105, 'CKR_USER_TOO_MANY_TYPES', 'credential'],
  [0x130, 'CKR_DOMAIN_PARAMS_INVALID', 'request'],
  [0x140, 'CKR_CURVE_NOT_SUPPORTED', 'request'],
  [0x150, 'CKR_BUFFER_TOO_SMALL', 'request'],
  [0x190, 'CKR_CRYPTOKI_NOT_INITIALIZED', 'module'],
  [0x191, 'CKR_CRYPTOKI_ALREADY_INITIALIZED', 'request'],
];

const byCode = new Map(pkcs11Faults.map((row) => [row[0], row]));
const byName = new Map(pkcs11Faults.map((row) => [row[1], row[0]]));

/** The code of a return value by its name, such as CKR_PIN_LOCKED. */
export function pkcs11Code(name: string): number {
  const code = byName.get(name);
  if (code === undefined) throw new RangeError(`${name} is no PKCS#11 return value we know`);
  return code;
}

/** A code as logs show it: CKR_DEVICE_ERROR (0x30). Vendor codes have no name of their own. */
export function pkcs11Name(code: number): string {
  const known = byCode.get(code)?.[1];
  const name = known ?? (code >= 0x8000_0000 ? 'CKR_VENDOR_DEFINED' : 'unknown return value');
  return `${name} (0x${code.toString(16)})`;
}

/** A call that the PKCS#11 library answered with something other than CKR_OK. */
export class Pkcs11Fault extends Error {
  override readonly name = 'Pkcs11Fault';
  /** The function that failed, such as C_Sign. */
  readonly call: string;
  /** CK_RV as returned. */
  readonly code: number;

  constructor(call: string, code: number) {
    super(`${call} returned ${pkcs11Name(code)}`);
    this.call = call;
    this.code = code;
  }
}

/**
 * The class of any error thrown while using a token. A code nobody knows counts as `module`:
 * a fresh process, with back-off, is the one cure that fits all devices. An error that did not
 * come from PKCS#11 is a mistake of ours and counts as `request`.
 */
export function pkcs11FaultClass(error: unknown): Pkcs11FaultClass {
  if (!(error instanceof Pkcs11Fault)) return 'request';
  return byCode.get(error.code)?.[2] ?? 'module';
}
