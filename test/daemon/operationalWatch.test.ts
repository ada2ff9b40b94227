import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GOBGP_GRACE_MS,
  type OperationalState,
  OperationalWatch,
  PEER_GRACE_MS,
  SILENT_AFTER_MS,
  WATCHED_AFTER_DATAGRAMS,
} from '../../src/daemon/operationalWatch.ts';

const GOBGP = '127.0.0.1:50051';
const PEER = { daemon: GOBGP, address: '192.0.2.7', asn: 64500, state: 'established' };

function stateOf(changes: Partial<OperationalState> = {}): OperationalState {
  const gobgp = [{ address: GOBGP, connected: true, lastError: undefined, conflict: undefined }];
  return { gobgp, peers: [PEER], exporters: undefined, isLive: true, ...changes };
}

const DOWN = stateOf({
  gobgp: [{ address: GOBGP, connected: false, lastError: 'refused', conflict: undefined }],
  peers: [],
});
const PEER_DOWN = stateOf({ peers: [{ ...PEER, state: 'active' }] });

/** The events of one state a second, from second 0 on. */
function eventsOf(watch: OperationalWatch, states: readonly OperationalState[], from = 0): string[] {
  return states.flatMap((state, i) => {
    const at = from + i * 1000;
    return watch.review(state, at).map(({ kind, subject }) => `${at / 1000} ${kind} ${subject}`);
  });
}

function seconds(count: number, state: OperationalState): OperationalState[] {
  return Array(count).fill(state);
}

test('GoBGP that is down is reported once after the grace time, and once when it is back', () => {
  const grace = GOBGP_GRACE_MS / 1000;
  const states = [stateOf(), ...seconds(3 * grace, DOWN), ...seconds(5, stateOf())];
  assert.deepEqual(eventsOf(new OperationalWatch(), states), [
    `${1 + grace} gobgp_down ${GOBGP}`,
    `${1 + 3 * grace} gobgp_up ${GOBGP}`,
  ]);
});

test('another program that works against Kapkan is reported once, and once when it is over', () => {
  const inConflict = stateOf({
    gobgp: [{ address: GOBGP, connected: true, lastError: undefined, conflict: { detail: 'again and again' } }],
  });
  const states = [stateOf(), ...seconds(3, inConflict), ...seconds(3, stateOf())];
  assert.deepEqual(eventsOf(new OperationalWatch(), states), [
    `1 gobgp_conflict ${GOBGP}`,
    `4 gobgp_conflict_over ${GOBGP}`,
  ]);
});

test('a restart of GoBGP within the grace time is not reported', () => {
  const states = [stateOf(), ...seconds(GOBGP_GRACE_MS / 1000 - 1, DOWN), ...seconds(60, stateOf())];
  assert.deepEqual(eventsOf(new OperationalWatch(), states), []);
});

test('GoBGP that was never reached is reported where it is needed, and not in dry-run', () => {
  assert.deepEqual(eventsOf(new OperationalWatch(), seconds(30, DOWN)), [`10 gobgp_down ${GOBGP}`]);
  assert.deepEqual(eventsOf(new OperationalWatch(), seconds(30, { ...DOWN, isLive: false })), []);
});

test('a session that goes down, or a neighbour that is removed, is reported, and its return too', () => {
  const grace = PEER_GRACE_MS / 1000;
  for (const missing of [PEER_DOWN, stateOf({ peers: [] })]) {
    const states = [stateOf(), ...seconds(2 * grace, missing), stateOf()];
    assert.deepEqual(eventsOf(new OperationalWatch(), states), [
      `${1 + grace} peer_down 192.0.2.7`,
      `${1 + 2 * grace} peer_up 192.0.2.7`,
    ]);
  }
});

test('a session that was never established, or whose GoBGP is down, is not reported', () => {
  assert.deepEqual(eventsOf(new OperationalWatch(), seconds(60, PEER_DOWN)), []);
  const events = eventsOf(new OperationalWatch(), [stateOf(), ...seconds(60, DOWN)]);
  assert.deepEqual(events, [`11 gobgp_down ${GOBGP}`]);
});

test('the sessions have their grace time after GoBGP is back', () => {
  const states = [stateOf(), ...seconds(60, DOWN), ...seconds(PEER_GRACE_MS / 1000 - 1, PEER_DOWN), stateOf()];
  const events = eventsOf(new OperationalWatch(), states);
  assert.deepEqual(events, [`11 gobgp_down ${GOBGP}`, `61 gobgp_up ${GOBGP}`]);
});

function exporterState(datagrams: number, lastSeenAt: number): OperationalState {
  return stateOf({ exporters: [{ address: '198.51.100.1', datagrams, lastSeenAt }] });
}

test('an exporter that falls silent is reported, and its return too', () => {
  const watch = new OperationalWatch();
  const silent = SILENT_AFTER_MS / 1000;
  const sending = Array.from({ length: 11 }, (_, i) => exporterState(100 + i, i * 1000));
  assert.deepEqual(eventsOf(watch, [...sending, ...seconds(2 * silent, exporterState(110, 10_000))]), [
    `${10 + silent} exporter_silent 198.51.100.1`,
  ]);
  assert.deepEqual(eventsOf(watch, [exporterState(111, 300_000)], 300_000), ['300 exporter_back 198.51.100.1']);
  const evicted = new OperationalWatch();
  eventsOf(evicted, sending);
  const gone = seconds(silent + 1, stateOf({ exporters: [] }));
  assert.equal(eventsOf(evicted, gone, 11_000).length, 1, 'also where its row is gone');
});

test('an exporter that usually pauses longer has longer, and a few datagrams are no exporter', () => {
  const watch = new OperationalWatch();
  const rare = Array.from({ length: 600 }, (_, i) =>
    exporterState(20 + Math.floor(i / 50), Math.floor(i / 50) * 50_000),
  );
  assert.deepEqual(eventsOf(watch, rare), []);
  assert.deepEqual(eventsOf(watch, seconds(100, exporterState(31, 550_000)), 600_000), [], '3 x 50 s');
  assert.equal(eventsOf(watch, [exporterState(31, 550_000)], 701_000).length, 1);
  const few = seconds(600, exporterState(WATCHED_AFTER_DATAGRAMS - 1, 0));
  assert.deepEqual(eventsOf(new OperationalWatch(), few), []);
});

test('a wall clock that is set makes nothing silent or down', () => {
  const watch = new OperationalWatch();
  const hour = 3_600_000;
  watch.review({ ...exporterState(100, 0), ...{ gobgp: DOWN.gobgp } }, 0);
  watch.clockStepped(hour);
  assert.deepEqual(watch.review({ ...exporterState(101, hour + 1000), ...{ gobgp: DOWN.gobgp } }, hour + 1000), []);
});
