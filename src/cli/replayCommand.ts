/*
 * `kapkan replay`: would my config have found this attack, and what would it have announced? It touches no network.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CaptureError } from '../capture/capturedPacket.ts';
import { readCapture } from '../capture/readCapture.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { CaptureReplay } from './captureReplay.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, UsageError, withUsage } from './command.ts';
import { replayJson, replayText } from './replayReport.ts';

const USAGE = `Usage: kapkan replay FILE --config FILE [--json]

Feeds a capture (pcap or pcapng) of NetFlow, IPFIX and sFlow datagrams through the daemon's decoders, detection and
safety rules, by the capture's own clock, and prints the attacks found, what each guard says, and the routes that would
be announced. Nothing is sent or stored.

  --config FILE  the daemon's config; the environment variables that it names need not be set. Datagrams to the ports
                 of its listeners are read as those listeners would; other telemetry is recognised by its version
  --json         for programs

Example:
  kapkan replay attack.pcap --config /etc/kapkan/kapkan.yaml
`;

/** Exit code 0 whatever was found; 1 where the capture or the config cannot be used. */
export async function replayCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { config: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    if (positionals.length !== 1) throw new UsageError('name one capture file');
    if (values.config === undefined) throw new UsageError('--config is missing');
    try {
      const config = loadConfig(values.config, {}, { onUnset: () => {} });
      io.stdout.write(replay(positionals[0], config, values.json));
      return EXIT_DONE;
    } catch (error) {
      if (error instanceof ConfigError) io.stderr.write(`${error.message}\n`);
      else if (error instanceof CaptureError || isFileError(error)) {
        io.stderr.write(`kapkan: ${positionals[0]}: ${messageOf(error)}\n`);
      } else throw error;
      return EXIT_FAILED;
    }
  });
}

function replay(file: string, config: Config, json: boolean): string {
  const { datagrams, summary } = readCapture(readFileSync(file));
  const run = new CaptureReplay(config);
  for (const datagram of datagrams) run.receive(datagram);
  run.finish();
  return json ? replayJson(file, run, summary) : replayText(file, run, summary);
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
