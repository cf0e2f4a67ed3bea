import { type Examined, type Finding, ok } from './finding.ts';

/** Whether those who want to be told are told, and those who must be asked can be. */
export async function checkWebhooks({ stores }: Examined): Promise<Finding[]> {
  const { webhooks, tenants } = await stores();
  const all = await webhooks.list();
  const findings: Finding[] = [];
  for (const { id, purpose, state, reason } of all) {
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
  const asked = new Set(
    all
      .filter(({ purpose, state }) => purpose === 'authorization' && state === 'active')
      .map(({ id }) => id),
  );
  for (const { label, settings } of await tenants.groups({}))
    if (settings.authorizationWebhook !== '' && !asked.has(settings.authorizationWebhook))
      findings.push({
        severity: 'critical',
        message: `the group ${label} gets no certificates: its webhook ${settings.authorizationWebhook} is disabled or gone`,
        action: `bestow webhook enable ${settings.authorizationWebhook}, or bestow group set ${label} --authorization-webhook none`,
      });
  return findings.length > 0 ? findings : [ok(`${all.length} webhook(s) work`)];
}
