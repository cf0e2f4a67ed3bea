/**
 * Partitions of an issuer's CRL (RFC 5280 section 5.2.5). A certificate's partition is settled when it is issued, is on
 * record with it and stands in it, by the address of the partition's CRL. There may be more partitions later, or fewer: what
 * was settled stays.
 */

/** The scope of the CRL that lists every certificate of its issuer, in whatever partition it is. */
export const wholeCrl = 0;

export const mostPartitions = 1024;

/**
 * The partition of a new certificate: its serial number is random, so all get their share.
 * @param serialNumber hexadecimal
 * @param partitions how many there are; with one the CRL is not partitioned
 * @returns 1 to `partitions`, or `wholeCrl`
 */
export function partitionOf(serialNumber: string, partitions: number): number {
  if (partitions <= 1) return wholeCrl;
  return 1 + (Number.parseInt(serialNumber.slice(-8), 16) % partitions);
}

/** Where the CRL of a partition is, by where the whole CRL is: `/crl/ID.crl` gives `/crl/ID/7.crl`. */
export function crlUrlOf(whole: string, partition: number): string {
  return partition === wholeCrl ? whole : `${whole.replace(/\.crl$/, '')}/${partition}.crl`;
}
