import { parseDuration } from '../ca/certificate-profile.ts';

const isoTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** A point in the past: an ISO 8601 time, or how long ago. @throws TypeError with a sentence */
export function parseSince(text: string, now: Date): Date {
  if (/^\d+[smhd]$/.test(text)) return new Date(now.getTime() - parseDuration(text) * 1000);
  return parseTime(text, ', or how long ago it was, such as 2h');
}

/** An ISO 8601 time; a date alone is its beginning in UTC. @throws TypeError with a sentence */
export function parseTime(text: string, orElse = ''): Date {
  const time = new Date(text);
  if (!isoTime.test(text) || Number.isNaN(time.getTime()))
    throw new TypeError(`"${text}" is no time: write 2030-01-31T08:00:00Z${orElse}.`);
  return time;
}
