/** Thrown when a requirement does not apply to this server or cannot be judged with what the caller gave. */
export class Skip extends Error {
  override readonly name = 'Skip';
}

export function skip(reason: string): never {
  throw new Skip(reason);
}
