import { relocateSoftHsmToken } from '../../hsm/create-softhsm-token.ts';
import { loadCryptoki } from '../../hsm/cryptoki.ts';
import { openSigners } from '../../hsm/open-signers.ts';
import { type OpenToken, openToken } from '../../hsm/open-token.ts';
import { labelIsTaken } from '../../hsm/replace-key.ts';
import type { TokenKey } from '../../hsm/token-key.ts';
import { caKeyOf } from '../../server/ca-key.ts';
import type { Config } from '../../server/config.ts';
import {
  dataPaths,
  loadCaChain,
  loadCmcCertificate,
  loadOcspCertificate,
} from '../../server/data-directory.ts';
import { type Examined, type Finding, ok } from './finding.ts';

/** `bestow init` makes it under this label; it may be taken elsewhere, since no server needs it. */
const rootKey = 'root';

/** Opens the token once, beside a server, and signs with each key what can be no certificate. */
export async function checkKeys({ config }: Examined): Promise<Finding[]> {
  const { directory, hsm } = config;
  const paths = dataPaths(directory);
  relocateSoftHsmToken(paths.softHsm, hsm.environment);
  const cryptoki = loadCryptoki(hsm.module, hsm.environment);
  const token = openToken(cryptoki, hsm, { pinRefused: paths.pinRefused, access: 'read-write' });
  try {
    const findings: Finding[] = [];
    for (const key of keysOf(config, token)) findings.push(await signatureBy(key, token, config));
    return findings;
  } finally {
    token.close();
  }
}

function keysOf({ directory, hsm }: Config, token: OpenToken): TokenKey[] {
  const paths = dataPaths(directory);
  const chain = loadCaChain(directory);
  const cmc = loadCmcCertificate(directory, chain);
  const ocsp = loadOcspCertificate(directory, chain);
  const root = { label: rootKey, certificate: paths.root, ...caKeyOf(chain.root) };
  return [
    ...(labelIsTaken(token, rootKey) ? [root] : []),
    { label: hsm.key, certificate: paths.issuing, ...caKeyOf(chain.issuing) },
    ...(cmc ? [{ label: hsm.cmcKey, certificate: paths.cmc, ...caKeyOf(cmc) }] : []),
    ...(ocsp ? [{ label: hsm.ocspKey, certificate: paths.ocsp, ...caKeyOf(ocsp) }] : []),
  ];
}

async function signatureBy(key: TokenKey, token: OpenToken, { hsm }: Config): Promise<Finding> {
  try {
    await openSigners(token, { ...hsm, sessions: 1 }, [key]);
    return ok(`the key ${key.label} signs, and fits ${key.certificate}`);
  } catch (error) {
    return {
      severity: 'critical',
      message: `the key ${key.label} does not do: ${error instanceof Error ? error.message : error}`,
      action: 'see that the token is there and unchanged; restore it from its backup if it is not',
    };
  }
}
