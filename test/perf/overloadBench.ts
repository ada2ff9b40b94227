/*
 * What is left of Kapkan when far more telemetry arrives than one receiving thread takes: the whole daemon with the real
 * gobgpd, flooded with records to a million hosts, and then a host that is attacked. Run alone:
 * `node test/perf/overloadBench.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { findExecutable } from '../integration/daemons.ts';
import { freePort, Gobgpd, loopbackAddress } from '../integration/gobgpd.ts';
import { Kapkan } from '../integration/kapkan.ts';
import { liveConfig } from '../integration/kapkanLab.ts';
import type { BenchRow } from './decodeBench.ts';
import type { SenderOrder } from './overloadSender.ts';

const HOSTS = 1_000_000;
const PREPARED_FLOWS = 1_000_000;

/** Between what a host of the background gets, some ten thousand packets a second, and what the attacked one gets. */
const THRESHOLD_PPS = 20_000_000;
/** The first of the hosts. */
const TARGET = '10.0.0.0';

const WARM_UP_MS = 4000;
const RATE_MS = 3000;
const POLL_MS = 10;
/** Of each path while the overload goes on. */
const ANSWERS = 40;
const PATHS = ['/healthz', '/api/v1/status', '/api/v1/attacks', '/api/v1/hosts?limit=50', '/metrics'];

export async function benchOverload(): Promise<BenchRow[]> {
  const executable = findExecutable('gobgpd');
  if (executable === undefined) return [{ name: 'overload: gobgpd is missing, nothing measured', value: 0, unit: '' }];
  const cleanups: (() => unknown)[] = [];
  try {
    const host = loopbackAddress();
    const port = await freePort(host);
    const gobgpd = await Gobgpd.start({ executable, asn: 65_001, address: host, port, neighbors: [] });
    cleanups.push(() => gobgpd.dispose());
    const thresholds = `{ pps: ${THRESHOLD_PPS}, mbps: 1e9, flows_per_sec: 1e9 }`;
    const config = liveConfig(gobgpd.apiAddress, {
      listen: '{ netflow: "127.0.0.1:0" }',
      networks: '[10.0.0.0/8]',
      hostgroups: '[]',
      protected_whitelist: '[]',
      thresholds,
    });
    const kapkan = new Kapkan({ after: (cleanup: () => unknown) => cleanups.push(cleanup) }, config);
    await kapkan.start();
    const sender = fork(new URL('overloadSender.ts', import.meta.url), ['netflow5', `${HOSTS}`, `${PREPARED_FLOWS}`]);
    cleanups.push(() => sender.kill());
    await once(sender, 'message');
    return await measure(kapkan, gobgpd, sender);
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  }
}

async function measure(kapkan: Kapkan, gobgpd: Gobgpd, sender: ChildProcess): Promise<BenchRow[]> {
  const port = kapkan.telemetryPort('netflow');
  await order(sender, { port, attack: false });
  await sleep(WARM_UP_MS);
  const before = await counts(kapkan, sender, port);
  await sleep(RATE_MS);
  const after = await counts(kapkan, sender, port);
  const sent = (after.sent - before.sent) / RATE_MS;
  const taken = (after.taken - before.taken) / RATE_MS;
  const answers = await answerRows(kapkan);

  const attackedAt = performance.now();
  await order(sender, { port, attack: true });
  const found = await secondsUntil(attackedAt, async () => {
    const { active } = await kapkan.attacks();
    return active.some(({ target }) => target === TARGET);
  });
  const installed = await secondsUntil(
    attackedAt,
    async () => (await kapkan.activeBan(TARGET))?.rib?.installed === true,
  );
  const inRib = (await gobgpd.rib('ipv4')).includes(`${TARGET}/32`);
  const { active } = await kapkan.attacks();
  const row = (what: string, value: number, unit: string): BenchRow => ({ name: `overload, ${what}`, value, unit });
  return [
    row('datagrams sent', sent * 1000, 'datagrams/s'),
    { ...row('datagrams taken', taken * 1000, 'datagrams/s'), ratio: sent / taken, against: 'of that is sent' },
    row('datagrams that the kernel dropped, as the metric says', after.dropped - before.dropped, 'datagrams'),
    row('lost, as the sequence numbers say', after.gaps - before.gaps, 'gaps'),
    row('attack found after', found, 's'),
    row(`route ${inRib ? 'in' : 'MISSING in'} the RIB and read back after`, installed, 's'),
    row('other attacks found', active.length - 1, 'attacks'),
    ...answers,
  ];
}

interface Counts {
  readonly sent: number;
  readonly taken: number;
  readonly dropped: number;
  readonly gaps: number;
}

async function counts(kapkan: Kapkan, sender: ChildProcess, port: number): Promise<Counts> {
  const sent = await order(sender, { port, attack: false });
  return {
    sent,
    taken: await kapkan.metric('kapkan_ingest_packets_total{exporter="127.0.0.1",protocol="netflow5"}'),
    dropped: await kapkan.metric('kapkan_ingest_dropped_datagrams_total'),
    gaps: await kapkan.metric('kapkan_ingest_sequence_gaps_total'),
  };
}

async function order(sender: ChildProcess, message: SenderOrder): Promise<number> {
  sender.send(message);
  const [sent] = await once(sender, 'message');
  return sent;
}

async function answerRows(kapkan: Kapkan): Promise<BenchRow[]> {
  const times = new Map(PATHS.map((path) => [path, [] as number[]]));
  for (let i = 0; i < ANSWERS; i++) {
    for (const [path, ofPath] of times) {
      const askedAt = performance.now();
      await (await fetch(kapkan.api + path)).arrayBuffer();
      ofPath.push(performance.now() - askedAt);
    }
    await sleep(POLL_MS);
  }
  return [...times].flatMap(([path, ofPath]) => {
    ofPath.sort((a, b) => a - b);
    return [
      { name: `overload, ${path} answered, median`, value: ofPath[ofPath.length >> 1], unit: 'ms' },
      { name: `overload, ${path} answered, slowest`, value: ofPath[ofPath.length - 1], unit: 'ms' },
    ];
  });
}

async function secondsUntil(start: number, check: () => Promise<boolean>): Promise<number> {
  while (!(await check())) {
    if (performance.now() - start > 30_000) return Number.POSITIVE_INFINITY;
    await sleep(POLL_MS);
  }
  return (performance.now() - start) / 1000;
}

if (import.meta.main) console.table(await benchOverload());
