/**
 * For tests: a signer process whose library has faults that SoftHSM cannot produce, described as
 * JSON in the file that the variable BESTOW_TEST_FAULTS names.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { loadCryptoki } from '../../hsm/cryptoki.ts';
import { Pkcs11Fault, pkcs11Code } from '../../hsm/pkcs11-fault.ts';
import { runSignerProcess } from '../../hsm/signer-process.ts';
import { flipped, withFaults } from './softhsm-fixture.ts';

export interface TestFaults {
  /** Every login is appended to this file as one line. */
  readonly loginsFile: string;
  /** What C_Login returns, such as CKR_PIN_LOCKED. */
  readonly login?: string;
  /** While this file exists, signatures have a bit flipped. */
  readonly flipWhile?: string;
  /** Octets of the signatures that are flipped, which tells one key from another; all by default. */
  readonly flipLength?: number;
}

const faults: TestFaults = JSON.parse(
  readFileSync(process.env.BESTOW_TEST_FAULTS ?? '/dev/null', 'utf8'),
);
const flip = (signature: Buffer): Buffer => {
  const { flipWhile, flipLength = signature.length } = faults;
  const flips = flipWhile !== undefined && signature.length === flipLength && existsSync(flipWhile);
  return flips ? flipped(signature) : signature;
};

await runSignerProcess((module, environment) => {
  const real = loadCryptoki(module, environment);
  return withFaults(real, {
    login(...call) {
      appendFileSync(faults.loginsFile, 'login\n');
      if (faults.login !== undefined) throw new Pkcs11Fault('C_Login', pkcs11Code(faults.login));
      real.login(...call);
    },
    sign: (...call) => flip(real.sign(...call)),
    signAsync: async (...call) => flip(await real.signAsync(...call)),
  });
});
