/** What happens to devices and certificates, as it is told to others (CloudEvents 1.0 is made of it where it leaves). */

export const eventTypes = [
  'bestow.device.seen',
  'bestow.device.pending',
  'bestow.device.approved',
  'bestow.device.rejected',
  'bestow.device.enrolled',
  'bestow.device.reenrolled',
  'bestow.device.moved',
  'bestow.device.refused',
  'bestow.device.blocked',
  'bestow.device.banned',
  'bestow.certificate.issued',
  'bestow.certificate.revoked',
  'bestow.certificate.held',
  'bestow.certificate.released',
] as const;
export type EventType = (typeof eventTypes)[number];

/** JSON; never a secret. */
export type EventData = Readonly<Record<string, unknown>>;

/** An event on record. */
export interface BestowEvent {
  /** Grows with every event; a number is never used again. */
  readonly sequence: number;
  /** Stays the same however often the event is delivered. */
  readonly id: string;
  readonly type: EventType;
  readonly at: Date;
  readonly tenant?: string;
  readonly device?: string;
  readonly data: EventData;
}

/** What a request showed of a device, though it changed nothing. */
export interface Sighting {
  readonly type: 'bestow.device.seen' | 'bestow.device.refused';
  readonly device: string;
  readonly at: Date;
  readonly data: EventData;
}

export interface EventFilter {
  readonly type?: EventType;
  readonly device?: string;
  readonly since?: Date;
  readonly limit: number;
}

/** Port: the events on record, which are written beside what they report. storage/ implements it. */
export interface Events {
  /** Newest first. */
  list(filter: EventFilter): Promise<BestowEvent[]>;
  /** Puts sightings of devices that are registered on record, unless nobody has subscribed to events. */
  note(sightings: readonly Sighting[]): Promise<void>;
  /** Forgets some of the events before that time, delivered or not. @returns how many */
  purge(before: Date): Promise<number>;
}

/**
 * Types as an operator names them: whole, or with `*` for the rest, such as `bestow.device.*`.
 * @throws TypeError with a sentence
 */
export function checkEventPatterns(patterns: readonly string[]): string[] {
  for (const pattern of patterns)
    if (typesMatching([pattern]).length === 0)
      throw new TypeError(
        `"${pattern}" is no type of event: there are ${eventTypes.join(', ')}, and * for the rest of a name.`,
      );
  return [...new Set(patterns)];
}

export function typesMatching(patterns: readonly string[]): EventType[] {
  return eventTypes.filter((type) =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern,
    ),
  );
}
