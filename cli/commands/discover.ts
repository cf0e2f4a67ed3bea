import { networkInterfaces } from 'node:os';
import { Command } from 'commander';
import { parseDuration } from '../../ca/certificate-profile.ts';
import { findServers } from '../../server/discovery/find-servers.ts';
import type { FoundServer } from '../../server/discovery/heard-servers.ts';
import { linkInterfaces } from '../../server/discovery/link-interfaces.ts';
import { serviceTypeSyntax } from '../../server/discovery/service-records.ts';
import { collect } from '../data.ts';
import { type Verification, verifyServer } from '../discovery/verify-server.ts';
import { CommandError, exitCodes, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';

export function discoverCommand(): Command {
  return new Command('discover')
    .description('list servers that announce themselves on the local network (docs/discovery.md)')
    .option('--type <type>', 'the service type that is looked for', '_est._tcp')
    .option('--timeout <time>', 'how long to listen, 1m at most', '3s')
    .option(
      '--interface <name>',
      'name or IPv4 address of a network interface; repeatable',
      collect,
    )
    .option('--verify', 'ask each server whether it has the root that is announced for it')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nAnyone on the network can announce anything. Exit code: 3 where nothing is found; with --verify 1 where a root differs, else 7 where a server cannot be reached.',
    )
    .action(discover);
}

interface DiscoverOptions {
  readonly type: string;
  readonly timeout: string;
  readonly interface?: string[];
  readonly verify?: true;
  readonly json?: true;
}

const longest = 60;
/** Connections to servers at once. */
const verifiedAtOnce = 8;

async function discover(options: DiscoverOptions): Promise<void> {
  const { type, verify = false } = options;
  if (!serviceTypeSyntax.test(type))
    throw usage(`"${type}" is no service type over TCP, such as _est._tcp.`);
  const seconds = parseDuration(options.timeout);
  if (seconds < 1 || seconds > longest) throw usage('--timeout must be from 1s to 1m.');
  const links = linkInterfaces(networkInterfaces(), options.interface);
  if (links.length === 0)
    throw usage('There is no such network interface with an address of IPv4.');
  const problems: string[] = [];
  const problem = ({ name }: { name: string }, { message }: Error) =>
    problems.push(`${name}: ${message}`);
  const search = { type, links, milliseconds: seconds * 1000, problem };
  const found = await findServers(search);
  if (found.length === 0 && problems.length > 0)
    throw new CommandError(
      exitCodes.unavailable,
      `Nothing can be heard on ${problems.join(', ')}.`,
    );
  const servers = verify ? await verifyAll(found) : found;
  show(servers, options);
  if (found.length === 0) process.exitCode = exitCodes.notFound;
  const verdicts = servers.map((server) => 'verdict' in server && server.verdict);
  if (verdicts.includes('differs')) process.exitCode = exitCodes.failure;
  else if (verdicts.includes('unreachable')) process.exitCode = exitCodes.unavailable;
}

type Verified = FoundServer & Verification;

async function verifyAll(found: readonly FoundServer[]): Promise<Verified[]> {
  const verified: Verified[] = [];
  for (let i = 0; i < found.length; i += verifiedAtOnce) {
    const some = found.slice(i, i + verifiedAtOnce);
    const answers = await Promise.all(some.map(verifyServer));
    some.forEach((server, j) => {
      verified.push({ ...server, ...(answers[j] as Verification) });
    });
  }
  return verified;
}

function show(
  servers: readonly (FoundServer | Verified)[],
  { json, verify }: DiscoverOptions,
): void {
  if (json) {
    printJson(servers);
    return;
  }
  printTable(
    servers.map((server) => ({
      name: server.name,
      address: addressOf(server),
      path: server.path,
      fingerprint: server.fingerprint,
      certificate: server.certificateHost,
      interface: server.interface,
      ...('verdict' in server
        ? { root: [server.verdict, server.reason].filter(Boolean).join(': ') }
        : {}),
    })),
    'No server was found.',
  );
  if (servers.length > 0)
    print(
      verify
        ? '\nA root that matches is the one that was announced, by whomever: compare its fingerprint with a label or QR code.'
        : '\nAnyone on the network can announce anything: compare the fingerprint with a label or QR code.',
    );
}

function addressOf({ addresses, host, port }: FoundServer): string {
  const [first = host] = addresses;
  return `${first.includes(':') ? `[${first}]` : first}:${port}`;
}
