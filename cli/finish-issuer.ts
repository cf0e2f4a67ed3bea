import { existsSync } from 'node:fs';
import { delegations } from '../ca/ca-state.ts';
import type { Config } from '../server/config.ts';
import { dataPaths } from '../server/data-directory.ts';
import type { Stores } from '../storage/stores.ts';
import { issueServerCertificate } from './issue-server-certificate.ts';
import { makeDelegatedKey } from './make-delegated-key.ts';
import type { OpenCa } from './open-ca.ts';

/**
 * Makes what an issuing key is to have and has not yet: its delegated keys; and of the default issuer, the server's TLS
 * certificate. @throws TokenFault, SignerUnavailable; what was made by then stays
 */
export async function finishIssuer(config: Config, open: OpenCa, stores: Stores): Promise<void> {
  const { serverChain } = dataPaths(config.directory);
  const isDefault = open.ca.issuers[0]?.name === open.key.issuer;
  if (isDefault && !existsSync(serverChain))
    await issueServerCertificate(config, open, stores, config.est.hostnames);
  for (const which of delegations)
    if (!open.key.delegated[which]) await makeDelegatedKey(which, config, open, stores);
}
