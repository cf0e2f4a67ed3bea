import { Unavailable } from '../ca/unavailable.ts';

/** The database is locked, full, read-only or gone. */
export class StorageUnavailable extends Unavailable {
  override readonly name = 'StorageUnavailable';
}
