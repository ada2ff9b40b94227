/*
 * Another collector as a side of the UDP benchmark, a process of its own that answers as `udpBenchReceiver.ts` does. It
 * starts the collector in front of a config of its own, with one receiving thread. Arguments: name, kind of telemetry.
 *
 * What the collector took is what the kernel handed to programs in the meantime (InDatagrams of /proc/net/snmp), since
 * nothing else receives UDP then; its processor time is that of all its threads (/proc/PID/task/…/schedstat).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TelemetryKind } from '../../src/ingest/datagramBatch.ts';
import { freePort } from '../integration/gobgpd.ts';
import { PEERS, type PeerName } from './peers.ts';
import type { ReceivedSoFar } from './udpBenchReceiver.ts';

const START_MS = 3000;

const [name, kind] = process.argv.slice(2) as [PeerName, TelemetryKind];
const { command, args, files } = PEERS[name];
const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-bench-peer-'));
const port = await freePort('127.0.0.1');
for (const [file, text] of Object.entries(files(kind, port, folder))) writeFileSync(path.join(folder, file), text);
const peer = spawn(command, args(kind, port, folder), { stdio: 'ignore', cwd: folder });
peer.on('exit', () => process.exit(1));

function taken(): number {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8').match(/^Udp:.*$/gm) ?? [];
  return Number(values?.split(' ')[names?.split(' ').indexOf('InDatagrams') ?? 0]);
}

function cpuMicros(): number {
  const threads = readdirSync(`/proc/${peer.pid}/task`);
  const nanoseconds = threads.map((thread) => readFileSync(`/proc/${peer.pid}/task/${thread}/schedstat`, 'utf8'));
  return nanoseconds.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1000;
}

process.on('message', () => {
  const received: ReceivedSoFar = {
    datagrams: taken(),
    flows: 0,
    cpuMicros: cpuMicros(),
    heapBytes: 0,
  };
  process.send?.(received);
});
process.on('disconnect', () => {
  peer.removeAllListeners('exit');
  peer.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  process.exit();
});
await sleep(START_MS);
process.send?.(port);
