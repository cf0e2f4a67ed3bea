/** The database is continued elsewhere: what was done here from now on would be lost, or done twice. */
export class MovedAway extends Error {
  override readonly name = 'MovedAway';
}
