/** Events as they leave: CloudEvents 1.0, structured mode, JSON. */

import type { BestowEvent } from '../../enrollment/events/event.ts';

export const cloudEventsType = 'application/cloudevents+json; charset=utf-8';

export interface EventContent {
  readonly id: string;
  readonly type: string;
  readonly at: Date;
  readonly subject?: string;
  readonly tenant?: string;
  readonly sequence?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** @param source URI of the server that says so */
export function cloudEvent(content: EventContent, source: string): string {
  const { id, type, at, subject, tenant, sequence, data } = content;
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type,
    time: at.toISOString(),
    ...(subject === undefined ? {} : { subject }),
    datacontenttype: 'application/json',
    // Extension attributes: names of small letters and digits alone. Deliveries may overtake each other; this tells the order.
    ...(sequence === undefined ? {} : { sequence: String(sequence) }),
    ...(tenant === undefined ? {} : { tenant }),
    data,
  });
}

/** Of a device, or else of the certificate that it is about. */
export function contentOf({ device, data, ...event }: BestowEvent): EventContent {
  const subject = device ?? (typeof data.serialNumber === 'string' ? data.serialNumber : undefined);
  return { ...event, ...(subject === undefined ? {} : { subject }), data };
}
