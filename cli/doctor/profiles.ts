import {
  type CertificationAuthority,
  type IssuingKey,
  requireActive,
} from '../../ca/certification-authority.ts';
import type { Group } from '../../enrollment/group.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { loadCa } from '../certification-authority.ts';
import { findProfile } from '../profile/find-profile.ts';
import { imaginaryBearer, previewCertificate } from '../profile/preview-certificate.ts';
import { type Examined, type Finding, ok } from './finding.ts';

/** Makes the certificate that a device of each group would get, but for its key and signature, and lints it. */
export async function checkProfiles({ config, stores }: Examined): Promise<Finding[]> {
  const opened = await stores();
  const ca = await loadCa(opened);
  const findings: Finding[] = [];
  for (const group of await differing(opened)) {
    const { profile, issuer } = group.settings;
    const names = `the profile ${profile} under the issuer "${issuer}"`;
    const example = `as for the group ${group.label}`;
    try {
      await previewFor(group, keyOf(ca, group), opened, config);
      findings.push(ok(`${names} gives a certificate that is well-formed (${example})`));
    } catch (error) {
      findings.push({
        severity: 'critical',
        message: `${names} gives no certificate (${example}): ${error instanceof Error ? error.message : error}`,
        action: `see \`bestow profile preview ${profile} --group ${group.label}\`; \`bestow profile rollback ${profile}\` takes the version before`,
      });
    }
  }
  return findings;
}

/** One group for each pair of profile and issuer. */
async function differing({ tenants }: OpenStores): Promise<Group[]> {
  const groups = await tenants.groups({});
  const pairs = groups.map(
    (group) => [`${group.settings.profile} ${group.settings.issuer}`, group] as const,
  );
  return [...new Map(pairs.reverse()).values()].reverse();
}

function keyOf(ca: CertificationAuthority, { settings }: Group): IssuingKey {
  return requireActive(ca, settings.issuer);
}

async function previewFor(
  group: Group,
  key: IssuingKey,
  stores: OpenStores,
  config: Examined['config'],
): Promise<void> {
  const { profile } = await findProfile(stores, config, group.settings.profile);
  const tenant = (await stores.tenants.list()).find(({ id }) => id === group.tenant);
  const bearer = imaginaryBearer(profile, tenant && { tenant, group });
  await previewCertificate({ profile, bearer }, key, config);
}
