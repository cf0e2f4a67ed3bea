import { sameBytes } from '../der.ts';
import { type LintedExtensions, typeOf } from './linted-extension.ts';

const authorityKeyIdentifier = typeOf('2.5.29.35');

/** Whether authorityKeyIdentifier is there, not critical, and names the key by a keyIdentifier alone. */
export function namesAuthorityKey({ byType }: LintedExtensions, key: Uint8Array): boolean {
  const extension = byType.get(authorityKeyIdentifier);
  const [identifier, surplus] = extension?.value.children ?? [];
  return (
    extension?.critical === false &&
    identifier?.tag === 0x80 &&
    !surplus &&
    sameBytes(identifier.content, key)
  );
}
