/** How the secret of a webhook gets to who runs its receiver: shown once, or in a file. */

import { closeSync, openSync, writeSync } from 'node:fs';
import { WebhookSecrets } from '../enrollment/events/webhook-secret.ts';
import { type Config, readSecret } from '../server/config.ts';

export function webhookSecretsOf(config: Config): WebhookSecrets {
  return new WebhookSecrets(Buffer.from(readSecret(config.pepper, 'one-time password pepper')));
}

interface SecretFile {
  readonly path: string;
  readonly descriptor: number;
}

/** Opens the file before the secret counts. @throws Error where it is there already, or cannot be written */
export function prepareHandOver(path: string | undefined): SecretFile | undefined {
  return path === undefined ? undefined : { path, descriptor: openSync(path, 'wx', 0o600) };
}

/** @returns what is to be shown */
export function handOver(
  secret: string,
  file: SecretFile | undefined,
): { readonly secret: string } | { readonly secretFile: string } {
  if (!file) return { secret };
  writeSync(file.descriptor, `${secret}\n`);
  closeSync(file.descriptor);
  return { secretFile: file.path };
}
