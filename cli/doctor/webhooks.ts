import { webhooksOf } from '../../enrollment/allocation/allocation-policy.ts';
import type { Webhook, WebhookPurpose } from '../../enrollment/events/webhooks.ts';
import { type Examined, type Finding, ok } from './finding.ts';
import { wayProblem } from './webhook-way.ts';

/** Whether those who want to be told are told, and those who must be asked can be. */
export async function checkWebhooks({ config, stores, now }: Examined): Promise<Finding[]> {
  const { webhooks, tenants, allocation } = await stores();
  const all = await webhooks.list();
  const findings: Finding[] = [];
  for (const { id, url, purpose, state, reason } of all) {
    const problem = state === 'active' ? wayProblem(url, config, now) : undefined;
    if (problem !== undefined)
      findings.push({
        severity: 'warn',
        message: `the webhook ${id} cannot be reached for long, or at all: ${problem}`,
        action: `put right what it says; bestow webhook test ${id}`,
      });
    if (purpose === 'events' && state === 'disabled')
      findings.push({
        severity: 'info',
        message: `the webhook ${id} is disabled${reason ? `: ${reason}` : ''}`,
        action: `bestow webhook enable ${id}, or remove it`,
      });
    const { dead } = await webhooks.counts(id);
    if (dead > 0)
      findings.push({
        severity: 'warn',
        message: `${dead} events for the webhook ${id} were given up`,
        action: `bestow webhook show ${id} says why; bestow webhook replay ${id} --dead`,
      });
  }
  const asked = activeFor('authorization', all);
  for (const { label, settings } of await tenants.groups({}))
    if (settings.authorizationWebhook !== '' && !asked.has(settings.authorizationWebhook))
      findings.push({
        severity: 'critical',
        message: `the group ${label} gets no certificates: its webhook ${settings.authorizationWebhook} is disabled or gone`,
        action: `bestow webhook enable ${settings.authorizationWebhook}, or bestow group set ${label} --authorization-webhook none`,
      });
  const allocating = activeFor('allocation', all);
  for (const { label, policy } of await allocation.policies())
    for (const id of webhooksOf(policy))
      if (!allocating.has(id))
        findings.push({
          severity: 'critical',
          message: `the group ${label} asks the webhook ${id} where devices go, and it is disabled or gone: what its policy says for that case counts`,
          action: `bestow webhook enable ${id}, or bestow allocation set ${label}`,
        });
  return findings.length > 0 ? findings : [ok(`${all.length} webhook(s) work`)];
}

function activeFor(purpose: WebhookPurpose, webhooks: readonly Webhook[]): ReadonlySet<string> {
  const active = webhooks.filter((each) => each.purpose === purpose && each.state === 'active');
  return new Set(active.map(({ id }) => id));
}
