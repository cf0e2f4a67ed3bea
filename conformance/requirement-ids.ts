function rows(prefix: string, last: number): string[] {
  return Array.from({ length: last }, (_, i) => `${prefix}-${String(i + 1).padStart(2, '0')}`);
}

/**
 * Every row of sections A to O: TLS, URIs, HTTP authentication, encodings, /cacerts, enroll, re-enroll, answers, proof of
 * possession, RFC 7894, /serverkeygen, /csrattrs, /fullcmc, registration authorities, CA key rollover.
 */
export const requirementIds: readonly string[] = [
  ...rows('TLS', 29),
  ...rows('URI', 13),
  ...rows('AUTH', 15),
  ...rows('ENC', 25),
  ...rows('CAC', 14),
  ...rows('ENR', 20),
  ...rows('REN', 16),
  ...rows('RSP', 18),
  ...rows('POP', 19),
  ...rows('ALT', 8),
  ...rows('SKG', 29),
  ...rows('ATT', 28),
  ...rows('CMC', 19),
  ...rows('RA', 6),
  ...rows('ROL', 10),
];
