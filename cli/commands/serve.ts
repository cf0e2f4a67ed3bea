import { Command } from 'commander';
import { loadConfig, withListen } from '../../server/config.ts';
import { openLog } from '../../server/log.ts';
import { startServer } from '../../server/serve.ts';
import { type DataOption, withData } from '../data.ts';
import { printWalk } from '../walk.ts';

interface ServeOptions extends DataOption {
  readonly listen?: string;
  readonly walk?: true;
}

export function serveCommand(): Command {
  return withData(new Command('serve'))
    .description('serve EST; SIGTERM finishes the requests in flight and ends')
    .option('--listen <host:port>', 'listen here instead; port 0 picks a free one')
    .option('--walk', 'when ready, print commands that enroll a first device')
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const loaded = loadConfig(options.data);
  const config = options.listen === undefined ? loaded : withListen(loaded, options.listen);
  const logger = openLog(config.log.level);
  // Asked to stop while still starting, it stops as soon as it has started.
  const asked = new Promise<string>((resolve) => {
    // A terminal's Ctrl-C may come twice, once by way of npm: the second must not cut the stop short.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
  let failed: (error: Error) => void = () => undefined;
  const failure = new Promise<Error>((resolve) => {
    failed = resolve;
  });
  const server = await startServer(config, logger, failed);
  if (options.walk) await printWalk(config, server.url);
  const end = await Promise.race([asked, failure]);
  if (end instanceof Error) logger.fatal({ err: end }, 'the server cannot go on');
  else logger.info({ signal: end }, 'stopping');
  await server.stop();
  logger.info('stopped');
  if (end instanceof Error) throw end;
}
