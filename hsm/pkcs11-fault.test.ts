import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Pkcs11Fault,
  pkcs11Code,
  pkcs11FaultClass,
  pkcs11Faults,
  pkcs11Name,
} from './pkcs11-fault.ts';

const expected = {
  session:
    'SESSION_HANDLE_INVALID SESSION_CLOSED OPERATION_ACTIVE OBJECT_HANDLE_INVALID KEY_HANDLE_INVALID USER_NOT_LOGGED_IN',
  module:
    'DEVICE_ERROR DEVICE_REMOVED DEVICE_MEMORY TOKEN_NOT_PRESENT TOKEN_NOT_RECOGNIZED GENERAL_ERROR FUNCTION_FAILED CRYPTOKI_NOT_INITIALIZED HOST_MEMORY',
  credential: 'PIN_INCORRECT PIN_LOCKED PIN_EXPIRED USER_PIN_NOT_INITIALIZED',
  request:
    'MECHANISM_INVALID DATA_LEN_RANGE KEY_TYPE_INCONSISTENT KEY_FUNCTION_NOT_PERMITTED ARGUMENTS_BAD',
};

for (const [faultClass, names] of Object.entries(expected)) {
  for (const name of names.split(' ')) {
    test(`CKR_${name} is of class ${faultClass}`, () => {
      const fault = new Pkcs11Fault('C_Sign', pkcs11Code(`CKR_${name}`));
      assert.equal(pkcs11FaultClass(fault), faultClass);
    });
  }
}

test('codes and names are unique, and the message names call, name and code', () => {
  assert.equal(new Set(pkcs11Faults.map((row) => row[0])).size, pkcs11Faults.length);
  assert.equal(new Set(pkcs11Faults.map((row) => row[1])).size, pkcs11Faults.length);
  assert.equal(new Pkcs11Fault('C_Sign', 0x30).message, 'C_Sign returned CKR_DEVICE_ERROR (0x30)');
});

test('vendor and unknown codes call for a fresh process, other errors are ours', () => {
  assert.equal(pkcs11Name(0x8000_0001), 'CKR_VENDOR_DEFINED (0x80000001)');
  assert.equal(pkcs11FaultClass(new Pkcs11Fault('C_Sign', 0x8000_0001)), 'module');
  assert.equal(pkcs11FaultClass(new Pkcs11Fault('C_Sign', 0x7777)), 'module');
  assert.equal(pkcs11FaultClass(new TypeError('argument')), 'request');
});
