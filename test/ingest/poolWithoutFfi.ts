/*
 * Run by a test with and without node:ffi: a pool with the value of `ingest.receive` that is the argument takes one
 * datagram. Prints what it logged and counted as JSON.
 */
import type { TestContext } from 'node:test';
import type { IngestConfig } from '../../src/config/sections/ingest.ts';
import { flowsTo, ingestConfig, runningPool, sendDatagrams, telemetry } from './runningPool.ts';

const after: (() => unknown)[] = [];
const context = { after: (stop: () => unknown) => after.push(stop) } as unknown as TestContext;
const receive = process.argv[2] as IngestConfig['receive'];
const config = ingestConfig({ ingest: { workers: 2, receive, receiveBufferBytes: 1 << 16 } });
const { ports, lines, snapshotWhere } = await runningPool(context, config);
await sendDatagrams(telemetry('netflow5', flowsTo('198.51.100.7', 3)), { host: '127.0.0.1', port: ports[0] });
const { receivingThreads, flows } = await snapshotWhere((seen) => seen.flows.netflow5 > 0);
process.stdout.write(JSON.stringify({ receivingThreads, flows: flows.netflow5, lines }));
for (const stop of after) await stop();
