/**
 * A ledger that forgets, for tests of the CA alone. Its rules are those that ca/issuance-ledger.ts states; the real one
 * has tests of its own.
 */

import type { Intent, IssuanceLedger, IssuanceRecord } from '../../ca/issuance-ledger.ts';

export interface MemoryLedger extends IssuanceLedger {
  readonly records: Map<string, IssuanceRecord & Intent>;
}

export function memoryLedger(): MemoryLedger {
  const records = new Map<string, IssuanceRecord & Intent>();
  const keyOf = (issuer: string, serialNumber: string) => `${issuer}/${serialNumber}`;
  const change = (key: string, changes: Partial<IssuanceRecord>) => {
    const record = records.get(key);
    if (record) records.set(key, { ...record, ...changes });
    return records.get(key);
  };
  return {
    records,
    async recordIntent(intent) {
      const repeated = [...records.values()].find(
        ({ credential, requestDigest }) =>
          credential.kind !== 'operator' &&
          credential.id === intent.credential.id &&
          requestDigest === intent.requestDigest,
      );
      if (repeated) return { kind: 'repeated', record: repeated };
      const key = keyOf(intent.issuer, intent.serialNumber);
      if (records.has(key)) throw new Error(`The serial number ${intent.serialNumber} is taken.`);
      records.set(key, intent);
      return { kind: 'recorded' };
    },
    async objectionTo() {
      return undefined;
    },
    async repetitionOf() {
      throw new Error('not kept here');
    },
    async recordCertificate({ issuer, serialNumber }, certificate, at) {
      const key = keyOf(issuer, serialNumber);
      const first = records.get(key)?.certificate;
      if (first) return first;
      if (!change(key, { certificate, issuedAt: at })) throw new Error('There is no such intent.');
      return certificate;
    },
    async find(issuer, serialNumber) {
      return records.get(keyOf(issuer, serialNumber));
    },
    async list({ limit }) {
      return [...records.values()].reverse().slice(0, limit);
    },
    async revoke(issuer, serialNumber, { at, reason }) {
      return change(keyOf(issuer, serialNumber), { revokedAt: at, revocationReason: reason });
    },
    async revokeAll() {
      throw new Error('not kept here');
    },
    async release(issuer, serialNumber) {
      const key = keyOf(issuer, serialNumber);
      const record = records.get(key);
      if (record?.revocationReason !== 'certificateHold')
        return record && { record, released: false };
      const { revokedAt: _, revocationReason: __, ...released } = record;
      records.set(key, released);
      return { record: released, released: true };
    },
    async supersede() {},
    async renewalOf() {
      return undefined;
    },
    async liveCertificates() {
      throw new Error('not kept here');
    },
    async latestEntry() {
      return undefined;
    },
    async acceptClock() {},
  };
}
