/**
 * One-time passwords or pairing codes for all devices of a list, into one file. If that is cut short there is no file, and
 * what was made for it is of no use to anybody; the next run makes all of it anew.
 */

import { stringify } from 'csv-stringify/sync';
import { parseDuration } from '../../ca/certificate-profile.ts';
import type { Device } from '../../enrollment/device.ts';
import type { Group } from '../../enrollment/group.ts';
import type { OrderLists } from '../../enrollment/order-lists.ts';
import { type Config, readSecret } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import { seal, sealedFiles } from '../backup/sealed-file.ts';
import { newOneTimePassword, requirePasswords } from '../commands/otp.ts';
import { type Label, labelSheet, sheetFormOf } from '../pairing/label-sheet.ts';
import { preparePairing } from '../pairing/make-pairing.ts';
import { writeSecretFile } from '../pairing/write-secret-file.ts';

const pageSize = 500;

/** CSV of id, credential, password and its end, sealed under the passphrase: `bestow open` opens it. */
export async function writePasswords(
  { orderLists }: Pick<Stores, 'orderLists'>,
  config: Config,
  digest: string,
  order: { readonly file: string; readonly passphrase: string; readonly ttl: string },
): Promise<void> {
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const lifetime = parseDuration(order.ttl) * 1000;
  const content = async function* () {
    yield Buffer.from('id,credential,password,expires\n');
    for await (const page of devicesOf(orderLists, digest)) {
      const expiresAt = new Date(Date.now() + lifetime);
      const made = page.map(({ device, group }) => {
        requirePasswords(group);
        return newOneTimePassword(pepper, device.id, group.settings, expiresAt);
      });
      await orderLists.replacePasswords(made.map(({ record }) => record));
      const rows = made.map(({ record: { id, device }, password }) => [
        device,
        id,
        password,
        expiresAt.toISOString(),
      ]);
      yield Buffer.from(stringify(rows));
    }
  };
  await writeSecretFile(order.file, seal(content(), order.passphrase, sealedFiles.text));
}

/** A sheet of labels with long pairing codes. @throws CommandError where a group takes none */
export async function writeLabels(
  stores: Pick<Stores, 'orderLists' | 'caState'>,
  config: Config,
  digest: string,
  order: {
    readonly file: string;
    readonly count: number;
    readonly ttl?: string;
    readonly server?: string;
  },
): Promise<void> {
  const { orderLists } = stores;
  const make = await preparePairing(stores, config, { ...order, kind: 'long-pairing-code' });
  const labels = async function* (): AsyncGenerator<Label> {
    for await (const page of devicesOf(orderLists, digest)) {
      const made = page.map(({ device, group }) => make(device, group));
      await orderLists.replacePasswords(made.map(({ record }) => record));
      for (const { label } of made) yield label;
    }
  };
  await writeSecretFile(order.file, labelSheet(labels(), sheetFormOf(order.file), order.count));
}

async function* devicesOf(
  lists: OrderLists,
  digest: string,
): AsyncGenerator<{ device: Device; group: Group }[]> {
  let after = '';
  for (;;) {
    const page = await lists.devicesOf(digest, { after, limit: pageSize });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = last.device.id;
  }
}
