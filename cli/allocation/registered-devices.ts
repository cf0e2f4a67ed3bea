import type { Device } from '../../enrollment/device.ts';
import type { Group } from '../../enrollment/group.ts';
import type { Tenant } from '../../enrollment/tenant.ts';
import type { Stores } from '../../storage/stores.ts';
import { notFound } from '../exit.ts';

const page = 500;

/** The devices of a group, or all there are, page by page. @throws CommandError when there is no such group */
export async function* registeredDevices(
  { devices, tenants }: Stores,
  label: string | undefined,
): AsyncGenerator<{ device: Device; tenant: Tenant; group: Group }> {
  if (label !== undefined && !(await tenants.groupOf(label)))
    throw notFound(`There is no group ${label}.`);
  const groups = new Map((await tenants.groups({})).map((group) => [group.label, group]));
  const owners = new Map((await tenants.list()).map((tenant) => [tenant.id, tenant]));
  let after: string | undefined;
  for (;;) {
    const found = await devices.list({
      ...(label === undefined ? {} : { group: label }),
      ...(after === undefined ? {} : { after }),
      limit: page,
    });
    for (const device of found) {
      const group = groups.get(device.group);
      const tenant = owners.get(device.tenant);
      // Added since: the next look shows it.
      if (group && tenant) yield { device, tenant, group };
    }
    after = found.at(-1)?.id;
    if (found.length < page) return;
  }
}
