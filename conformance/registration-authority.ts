import type { Applicant, EstServer } from './est-server.ts';
import type { ClientCertificate } from './self-made-certificates.ts';

export const CMC_REGISTRATION_AUTHORITY = '1.3.6.1.5.5.7.3.28';

export interface Relayed extends Applicant {
  readonly client: ClientCertificate;
}

const relayed = new WeakMap<EstServer, Promise<Relayed>>();

/**
 * A device that may enroll, and whose requests come from the registration authority of the run (RFC 7030 section 3.7);
 * one for all rows. Skips the case if there is no authority.
 */
export async function relayedDevice(server: EstServer): Promise<Relayed> {
  const { client } = await server.authority();
  const known = relayed.get(server) ?? newRelayedDevice(server, client);
  relayed.set(server, known);
  return known;
}

async function newRelayedDevice(server: EstServer, client: ClientCertificate): Promise<Relayed> {
  const { device } = await server.newcomer();
  return { device, client };
}
