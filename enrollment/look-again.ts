/** Milliseconds from one look to the next. */
const interval = 1000;

/**
 * Looks every second what was changed in the database, after the last look has ended; what keeps one from it is reported, and
 * the next is tried all the same.
 * @returns ends it
 */
export function lookAgain(look: () => Promise<void>, report: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    timer = setTimeout(async () => {
      try {
        await look();
      } catch (error) {
        report(error);
      }
      if (timer) next();
    }, interval).unref();
  };
  next();
  return () => {
    clearTimeout(timer);
    timer = undefined;
  };
}
