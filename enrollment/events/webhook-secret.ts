/** The keys webhooks are signed with (Standard Webhooks: `whsec_` and base64 of 24 to 64 octets). */

import { randomBytes } from 'node:crypto';
import { SecretSeal } from '../sealed-secret.ts';
import type { SealedSecret } from './webhooks.ts';

const prefix = 'whsec_';
const keyLength = 32;

export interface NewWebhookSecret {
  /** As its receiver is given it. */
  readonly text: string;
  readonly sealed: Omit<SealedSecret, 'expiresAt'>;
}

export class WebhookSecrets {
  readonly #seal: SecretSeal;

  constructor(pepper: Uint8Array) {
    this.#seal = new SecretSeal(pepper, 'webhook secret');
  }

  make(webhook: string, createdAt: Date): NewWebhookSecret {
    const key = randomBytes(keyLength);
    const id = `sec-${randomBytes(5).toString('hex')}`;
    const sealed = this.#seal.seal(key, ownerOf(webhook, id));
    return { text: `${prefix}${key.toString('base64')}`, sealed: { id, sealed, createdAt } };
  }

  /** @returns the keys. @throws Error when one was sealed under another pepper */
  open(webhook: string, secrets: readonly SealedSecret[]): Buffer[] {
    return secrets.map(({ id, sealed }) => this.#seal.open(sealed, ownerOf(webhook, id)));
  }
}

function ownerOf(webhook: string, id: string): string {
  return `${webhook} ${id}`;
}
