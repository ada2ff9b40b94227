/*
 * `kapkan demo`: shows Kapkan at work on one machine: the daemon in dry-run, telemetry through a socket, and the
 * answers of the API. Only the attacks are synthetic.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { parseSocketAddress } from '../config/socketAddress.ts';
import { Daemon } from '../daemon/daemon.ts';
import { messageOf } from '../errors.ts';
import { createLogger } from '../log.ts';
import { VERSION } from '../version.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, numberFlag, withUsage } from './command.ts';
import { DEMO_HOSTS, type DemoPorts, demoConfig } from './demoConfig.ts';
import { ORDINARY_TRAFFIC, runDemoSequence, sendDemoTraffic } from './demoSequence.ts';

const USAGE = `Usage: kapkan demo [--exit] [--api-port N] [--flow-port N]

Runs the daemon in dry-run on a sample config, sends it synthetic attacks and prints what it finds. No router and no
GoBGP is needed, and nothing leaves this machine. Serves its API until interrupted.

  --exit         end after the last attack
  --api-port N   port of the API and the metrics (default 8080; 0 = any that is free)
  --flow-port N  UDP port of the telemetry (default 2055; 0 = any that is free)

Example:
  kapkan demo --exit
`;

/** How the reader calls Kapkan: a checkout runs as it is written, a package is compiled. */
const KAPKAN = import.meta.url.endsWith('.ts') ? 'npm run --silent kapkan --' : 'kapkan';

/** 0 at the end with --exit, or when interrupted; 1 if the daemon could not start or an attack was not found. */
export async function demoCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        exit: { type: 'boolean', default: false },
        'api-port': { type: 'string', default: '8080' },
        'flow-port': { type: 'string', default: '2055' },
      },
    });
    const portRange = { min: 0, max: 65_535, whole: true };
    const ports = {
      api: numberFlag('--api-port', values['api-port'], portRange),
      flow: numberFlag('--flow-port', values['flow-port'], portRange),
    };
    const directory = mkdtempSync(path.join(tmpdir(), 'kapkan-demo-'));
    const interruption = new AbortController();
    const interrupt = (): void => interruption.abort();
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    try {
      return await runDemo(directory, ports, values.exit, interruption, io);
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

async function runDemo(
  directory: string,
  ports: DemoPorts,
  exitAfterwards: boolean,
  interruption: AbortController,
  io: CommandIo,
): Promise<number> {
  const { signal } = interruption;
  const file = path.join(directory, 'kapkan.yaml');
  writeFileSync(file, demoConfig(ports, directory));
  let failure: Error | undefined;
  const onFatal = (error: Error): void => {
    failure = error;
    interruption.abort();
  };
  // The daemon's warnings say what the demo prints anyway; only fatal errors are logged.
  const daemon = new Daemon(loadConfig(file, io.env), { logger: createLogger('fatal'), env: io.env, onFatal });
  try {
    await daemon.start();
  } catch (error) {
    io.stderr.write(`kapkan: ${messageOf(error)}; --api-port and --flow-port move the demo's ports\n`);
    return EXIT_FAILED;
  }
  try {
    await present(daemon, file, exitAfterwards, signal, (line) => io.stdout.write(`${line}\n`));
  } catch (error) {
    if (!signal.aborted) failure ??= error instanceof Error ? error : new Error(String(error));
  } finally {
    // Ends the traffic too, if the demo stopped in the middle of an attack.
    interruption.abort();
    await daemon.stop();
  }
  if (failure === undefined) return EXIT_DONE;
  io.stderr.write(`kapkan: the demo failed: ${failure.message}\n`);
  return EXIT_FAILED;
}

async function present(
  daemon: Daemon,
  file: string,
  exitAfterwards: boolean,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<void> {
  const { api: apiUrl, telemetry } = daemon.addresses();
  const collector = parseSocketAddress(telemetry[0]);
  if (typeof collector === 'string') throw new Error(`the daemon's own address ${collector}`);
  print(`Kapkan ${VERSION} in dry-run: it does everything except announce routes.

  config     ${file}
  protects   203.0.113.0/24 and 2001:db8::/32, never bans ${DEMO_HOSTS.resolver}
  limits     50,000 packets/s, 400 Mbit/s or 5,000 flows/s to one address
  telemetry  ${telemetry[0]} (NetFlow v5, v9 and IPFIX)
  API        ${apiUrl}`);
  await runDemoSequence({ apiUrl, collector, print, signal });
  if (exitAfterwards) {
    print('\nEnd of the demo.');
    return;
  }
  print(`
End of the demo. The daemon keeps running, with ordinary traffic, until you press Ctrl-C. Try:

  curl ${apiUrl}/api/v1/attacks
  curl ${apiUrl}/metrics
  ${KAPKAN} attacks --api ${apiUrl}
  ${KAPKAN} flowgen --target ${DEMO_HOSTS.customer} --attack memcached --to ${telemetry[0]}`);
  await sendDemoTraffic(ORDINARY_TRAFFIC, collector, signal);
}
