import type { Authorization } from '../../enrollment/authorization.ts';

/** Where no group names a webhook, nobody is asked. */
export const noAuthorization: Authorization = {
  ask: async () => {
    throw new Error('Nobody was to be asked.');
  },
};
