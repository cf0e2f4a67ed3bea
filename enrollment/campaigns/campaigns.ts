import type { Campaign, CampaignChange, Member, MemberState, Pace } from './campaign.ts';

export interface NewCampaign {
  readonly name: string;
  readonly change: CampaignChange;
  readonly pace: Pace;
}

export type CampaignCreation =
  | { readonly kind: 'created'; readonly campaign: CampaignProgress }
  /** There is one of that name. */
  | { readonly kind: 'exists' }
  /** A device is not registered, or there already, or in a campaign that has not ended. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface CampaignProgress extends Campaign {
  readonly counts: Readonly<Partial<Record<MemberState, number>>>;
}

export const campaignOrders = ['pause', 'resume', 'finish', 'roll-back'] as const;
export type CampaignOrder = (typeof campaignOrders)[number];

/** Port: campaigns, as operators see them. storage/ implements it. */
export interface Campaigns {
  /** All in one transaction, with the places that the devices have then. @param devices in the order of their turns */
  create(
    campaign: NewCampaign,
    devices: readonly string[],
    by: string,
    at: Date,
  ): Promise<CampaignCreation>;
  /** Newest first. */
  list(): Promise<CampaignProgress[]>;
  find(name: string): Promise<CampaignProgress | undefined>;
  /** In the order of their turns. */
  members(name: string, filter: { state?: MemberState; limit: number }): Promise<Member[]>;
  /** The campaign that has not ended in which the device is, unless that has passed it over. */
  membershipOf(
    device: string,
  ): Promise<{ readonly campaign: Campaign; readonly member: Member } | undefined>;
  /**
   * @returns the campaign as it is now, or as it was and why it cannot be; undefined if there is none. A roll-back goes on in
   * steps: `CampaignTurns.restore`
   */
  order(
    name: string,
    order: CampaignOrder,
    by: string,
    at: Date,
  ): Promise<{ readonly campaign: Campaign; readonly contradiction?: string } | undefined>;
}
