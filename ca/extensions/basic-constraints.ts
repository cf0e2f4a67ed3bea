import { BasicConstraints } from 'pkijs';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** basicConstraints of a CA: critical, cA TRUE (RFC 5280 section 4.2.1.9). */
export function caConstraints(pathLength: number | undefined): Uint8Array {
  const value = new BasicConstraints(
    pathLength === undefined ? { cA: true } : { cA: true, pathLenConstraint: pathLength },
  );
  return encodeExtension(oid.basicConstraints, new Uint8Array(value.toSchema().toBER()), {
    critical: true,
  });
}

/** basicConstraints of an end entity: an empty SEQUENCE, since cA FALSE is the default and DER omits defaults. */
export function endEntityConstraints(): Uint8Array {
  const value = new BasicConstraints({ cA: false });
  return encodeExtension(oid.basicConstraints, new Uint8Array(value.toSchema().toBER()), {
    critical: true,
  });
}
