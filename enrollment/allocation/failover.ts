/**
 * All endpoints in order of preference, those marked down after the others: a certificate lives longer than most outages,
 * and where all are down the order is as it was written.
 */
export function allocateFailover(
  endpoints: readonly string[],
  down: ReadonlySet<string>,
): readonly string[] {
  if (!endpoints.some((endpoint) => down.has(endpoint))) return endpoints;
  return [
    ...endpoints.filter((endpoint) => !down.has(endpoint)),
    ...endpoints.filter((endpoint) => down.has(endpoint)),
  ];
}
