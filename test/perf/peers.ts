/*
 * The other collectors that Kapkan is compared with, where they are installed: how each is started with one listener.
 * The hosts of the benchmark are in 10.0.0.0/24.
 */
import type { TelemetryKind } from '../../src/ingest/datagramBatch.ts';
import { findExecutable } from '../integration/daemons.ts';

export type PeerName = 'FastNetMon' | 'goflow2';

export interface Peer {
  readonly command: string;
  args(kind: TelemetryKind, port: number, folder: string): string[];
  /** By name, in the folder. */
  files(kind: TelemetryKind, port: number, folder: string): { readonly [name: string]: string };
}

export const PEERS: Readonly<Record<PeerName, Peer>> = {
  // Debian's package `fastnetmon`. It counts and detects, as Kapkan does; nothing is banned.
  FastNetMon: {
    command: 'fastnetmon',
    args: (_kind, _port, folder) => [
      '--configuration_file',
      `${folder}/fastnetmon.conf`,
      '--log_file',
      `${folder}/fastnetmon.log`,
      '--disable_pid_logic',
    ],
    files: (kind, port, folder) => ({
      networks: '10.0.0.0/24\n',
      whitelist: '',
      'fastnetmon.conf': `logging_level = error
enable_ban = off
process_incoming_traffic = on
process_outgoing_traffic = on
networks_list_path = ${folder}/networks
white_list_path = ${folder}/whitelist
${kind} = on
${kind}_port = ${port}
${kind}_host = 127.0.0.1
netflow_sampling_ratio = 1
average_calculation_time = 5
prometheus = off
enable_api = off
`,
    }),
  },
  // It decodes and writes each flow as JSON; it counts nothing.
  goflow2: {
    command: 'goflow2',
    args: (kind, port) => [
      '-listen',
      `${kind}://127.0.0.1:${port}?count=1&workers=1`,
      '-transport.file',
      '/dev/null',
      '-loglevel',
      'error',
      '-addr',
      '127.0.0.1:0',
    ],
    files: () => ({}),
  },
};

/** Those that are installed. */
export function installedPeers(): PeerName[] {
  return (Object.keys(PEERS) as PeerName[]).filter((name) => findExecutable(PEERS[name].command) !== undefined);
}
