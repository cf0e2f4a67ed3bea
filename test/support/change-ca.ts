import type { CaState } from '../../ca/ca-state.ts';
import { withStores } from '../../cli/data.ts';

/** Puts another state of the CA into a data directory, by no command: for what commands would never do. */
export async function changeCaState(
  data: string,
  change: (state: CaState) => CaState,
): Promise<void> {
  await withStores({ data }, async ({ caState }) => {
    const { version, state } = await caState.load();
    const changed = { at: new Date(), by: 'test', action: 'ca.changed', object: 'test' };
    if (!(await caState.save(version, change(state), changed)))
      throw new Error('The CA was changed at the same moment.');
  });
}
