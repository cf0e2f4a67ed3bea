/**
 * Keeps campaigns going: looks every second whose turn it is. Runs in the supervisor, beside what delivers events, so that the
 * workers that serve devices have nothing to do with it.
 */

import type { Logger } from 'pino';
import type { FollowedRules } from '../enrollment/allocation/followed-rules.ts';
import { type AdvanceParts, advanceCampaigns } from '../enrollment/campaigns/advance-campaigns.ts';
import { lookAgain } from '../enrollment/look-again.ts';

export interface CampaignParts extends AdvanceParts {
  readonly rules: Pick<FollowedRules, 'current' | 'refresh'>;
  readonly logger: Pick<Logger, 'error'>;
}

export interface RunningCampaigns {
  /** Waits for the step that is under way. */
  stop(): Promise<void>;
}

export function runCampaigns({ rules, logger, ...parts }: CampaignParts): RunningCampaigns {
  let step: Promise<void> = Promise.resolve();
  const look = async () => {
    await rules.refresh();
    await advanceCampaigns(parts, rules.current, new Date());
  };
  const end = lookAgain(
    () => {
      step = look();
      return step;
    },
    (error) => logger.error({ err: error }, 'campaigns cannot go on; it is tried again'),
  );
  return {
    stop: async () => {
      end();
      // What went wrong with it was reported.
      await step.catch(() => undefined);
    },
  };
}
