/**
 * Whether an allocation policy makes sense. Its form has been checked where it was read.
 */

import { checkEndpoint, maxEndpoints } from '../../ca/extensions/upstream-endpoints.ts';
import { checkRegion } from '../device.ts';
import { checkWebhookId } from '../events/webhooks.ts';
import { checkLabel } from '../group.ts';
import type { AllocationPolicy, Broker, Placement, RegionSource } from './allocation-policy.ts';
import { checkNetwork } from './region.ts';

export interface PolicyProblem {
  /** Where, such as `regions.eu.brokers.1`. */
  readonly path: string;
  readonly says: string;
}

/** Brokers of one placement; networks, labels and values of one source. */
export const mostEntries = 256;
const mostWeight = 1_000_000;
const brokerId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** All that is wrong with it, or nothing. */
export function problemsOf(policy: AllocationPolicy): PolicyProblem[] {
  const problems = new Problems();
  if (policy.quarantine) problems.endpoints('quarantine', policy.quarantine);
  if (policy.allocate !== 'region') {
    problems.placement('', policy);
    return problems.found;
  }
  const regions = Object.entries(policy.regions);
  problems.require('regions', regions.length > 0, 'name at least one region.');
  problems.require(
    'regions',
    regions.length <= mostEntries,
    `name at most ${mostEntries} regions.`,
  );
  for (const [region, placement] of regions) {
    problems.check(`regions.${region}`, () => checkRegion(region));
    problems.placement(`regions.${region}.`, placement);
  }
  if (policy.otherwise) problems.placement('otherwise.', policy.otherwise);
  problems.require(
    'regionFrom',
    policy.regionFrom.length > 0,
    'say where the region is read: registry, label, certificate or network.',
  );
  for (const [i, source] of policy.regionFrom.entries())
    problems.source(`regionFrom.${i}`, source, policy.regions);
  const kinds = policy.regionFrom.map(({ from }) => from);
  problems.require(
    'regionFrom',
    new Set(kinds).size === kinds.length,
    'a source stands twice; put all that it knows in one.',
  );
  return problems.found;
}

/** All that is wrong with endpoints that somebody else names. */
export function problemsOfEndpoints(endpoints: readonly string[]): PolicyProblem[] {
  const problems = new Problems();
  problems.endpoints('endpoints', endpoints);
  return problems.found;
}

class Problems {
  readonly found: PolicyProblem[] = [];

  require(path: string, holds: boolean, says: string): void {
    if (!holds) this.found.push({ path, says });
  }

  /** What throws a TypeError with a sentence. */
  check(path: string, work: () => unknown): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.found.push({ path, says: error.message });
    }
  }

  endpoints(path: string, uris: readonly string[]): void {
    this.require(path, uris.length > 0, 'name at least one endpoint.');
    this.require(path, uris.length <= maxEndpoints, `a certificate holds at most ${maxEndpoints}.`);
    this.require(path, new Set(uris).size === uris.length, 'an endpoint stands twice.');
    for (const [i, uri] of uris.entries()) this.check(`${path}.${i}`, () => checkEndpoint(uri));
  }

  placement(prefix: string, placement: Placement): void {
    switch (placement.allocate) {
      case 'tenant':
        return;
      case 'fixed':
      case 'failover':
        this.endpoints(`${prefix}endpoints`, placement.endpoints);
        return;
      case 'weighted':
        this.brokers(prefix, placement.brokers, placement.alternatives ?? 0);
        return;
      case 'webhook':
        this.check(`${prefix}webhook`, () => checkWebhookId(placement.webhook));
        if (placement.otherwise !== 'refuse')
          this.placement(`${prefix}otherwise.`, placement.otherwise);
    }
  }

  brokers(prefix: string, brokers: readonly Broker[], alternatives: number): void {
    const path = `${prefix}brokers`;
    this.require(path, brokers.length <= mostEntries, `name at most ${mostEntries} brokers.`);
    this.require(
      path,
      brokers.some(({ weight }) => weight > 0),
      'at least one broker must have a weight above 0.',
    );
    const ids = brokers.map(({ id }) => id);
    this.require(path, new Set(ids).size === ids.length, 'an id stands twice.');
    for (const [i, { id, weight, endpoints }] of brokers.entries()) {
      this.require(
        `${path}.${i}.id`,
        brokerId.test(id),
        'use 1 to 63 letters, digits and . _ -, beginning with a letter or digit.',
      );
      this.require(
        `${path}.${i}.weight`,
        weight === 0 || (weight >= 1 / mostWeight && weight <= mostWeight),
        `a weight is 0, or a number up to ${mostWeight}.`,
      );
      this.endpoints(`${path}.${i}.endpoints`, endpoints);
    }
    const all = brokers.flatMap(({ endpoints }) => endpoints);
    this.require(path, new Set(all).size === all.length, 'an endpoint is that of two brokers.');
    this.require(
      `${prefix}alternatives`,
      Number.isInteger(alternatives) && alternatives >= 0 && alternatives < brokers.length,
      'there are not that many other brokers.',
    );
    const longest = brokers
      .map(({ endpoints }) => endpoints.length)
      .sort((a, b) => b - a)
      .slice(0, 1 + alternatives)
      .reduce((sum, each) => sum + each, 0);
    this.require(
      `${prefix}alternatives`,
      longest <= maxEndpoints,
      `a device could get ${longest} endpoints; a certificate holds at most ${maxEndpoints}.`,
    );
  }

  source(path: string, source: RegionSource, regions: Readonly<Record<string, Placement>>): void {
    switch (source.from) {
      case 'registry':
        return;
      case 'network':
        this.mapping(`${path}.networks`, source.networks, regions, checkNetwork);
        return;
      case 'label':
        if (source.regions) this.mapping(`${path}.regions`, source.regions, regions, checkLabel);
        return;
      case 'certificate':
        if (source.regions) this.mapping(`${path}.regions`, source.regions, regions);
    }
  }

  mapping(
    path: string,
    mapping: Readonly<Record<string, string>>,
    regions: Readonly<Record<string, Placement>>,
    checkKey?: (key: string) => unknown,
  ): void {
    const entries = Object.entries(mapping);
    this.require(path, entries.length > 0, 'it says nothing.');
    this.require(path, entries.length <= mostEntries, `it has more than ${mostEntries} entries.`);
    for (const [key, region] of entries) {
      if (checkKey) this.check(`${path}.${key}`, () => checkKey(key));
      this.require(
        `${path}.${key}`,
        Object.hasOwn(regions, region),
        `"${region}" is none of the policy's regions.`,
      );
    }
  }
}
