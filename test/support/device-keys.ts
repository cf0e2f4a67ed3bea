import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BestowServer, CliResult } from './bestow.ts';

let files = 0;

/** Runs `bestow device key add` with a file of this content, which is gone afterwards. */
export async function addDeviceKey(
  server: BestowServer,
  device: string,
  id: string,
  option: string,
  content: string | Uint8Array,
): Promise<CliResult> {
  const file = join(server.data, `device-key-${++files}`);
  writeFileSync(file, content, { mode: 0o600 });
  try {
    return await server.cli('device', 'key', 'add', device, '--id', id, option, file);
  } finally {
    rmSync(file);
  }
}
