import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFLICT_OVER_AFTER_MS, type Drift, RouteConflicts } from '../../src/gobgp/routeConflicts.ts';

const KEY = 'ipv4-unicast 192.0.2.1/32';
const STEP_MS = 100;

/** A Kapkan that looks at one route in the RIB: it wants it there, or it wants it out. */
class Side {
  readonly conflicts = new RouteConflicts();
  readonly #wants: boolean;
  readonly #drift: Drift;
  #wasAsWanted = true;

  constructor(wants: boolean, drift: Drift) {
    this.#wants = wants;
    this.#drift = drift;
  }

  /** Returns whether the route is in the RIB afterwards. */
  pass(isIn: boolean, now: number): boolean {
    const isAsWanted = isIn === this.#wants;
    if (!isAsWanted && this.#wasAsWanted) this.conflicts.note(KEY, this.#drift, now);
    const repairs = !isAsWanted && !this.conflicts.isHeldOff(KEY, now);
    this.#wasAsWanted = isAsWanted || repairs;
    this.conflicts.settle(() => this.#wasAsWanted, now);
    return this.#wasAsWanted ? this.#wants : isIn;
  }
}

test('two programs that want the opposite of a route soon change it rarely, and it is there most of the time', () => {
  const owner = new Side(true, 'missing');
  const other = new Side(false, 'orphan');
  let isIn = true;
  let changes = 0;
  let changesInFirst20s = 0;
  let present = 0;
  const hours = 3_600_000;
  for (let now = 0; now < hours; now += STEP_MS) {
    for (const side of [other, owner]) {
      const before: boolean = isIn;
      isIn = side.pass(isIn, now);
      if (isIn !== before) changes++;
      if (isIn) present += STEP_MS / 2;
    }
    if (now === 20_000) changesInFirst20s = changes;
  }
  assert.ok(changesInFirst20s <= 14, `${changesInFirst20s} changes in 20 s`);
  assert.ok(changes <= 60, `${changes} changes in an hour`);
  assert.ok(present > 0.95 * hours, `there for ${present} ms of an hour`);
  for (const { conflicts } of [owner, other]) assert.equal(conflicts.conflict()?.routes, 1);
  assert.match(owner.conflicts.conflict()?.detail ?? '', /ipv4-unicast 192\.0\.2\.1\/32 is withdrawn again and again/);
  assert.match(other.conflicts.conflict()?.detail ?? '', /is put back after Kapkan withdrew it again and again/);
});

test('the conflict is over ten minutes after the other program stopped, and not before', () => {
  const owner = new Side(true, 'missing');
  let now = 0;
  for (; now < 60_000; now += STEP_MS) owner.pass(now % 20_000 >= STEP_MS, now);
  assert.notEqual(owner.conflicts.conflict(), undefined);
  const stoppedAt = now;
  for (; now < stoppedAt + CONFLICT_OVER_AFTER_MS - 60_000; now += STEP_MS) owner.pass(true, now);
  assert.notEqual(owner.conflicts.conflict(), undefined);
  for (; now < stoppedAt + CONFLICT_OVER_AFTER_MS + STEP_MS; now += STEP_MS) owner.pass(true, now);
  assert.equal(owner.conflicts.conflict(), undefined);
});

test('what an operator does once or twice, or once every few minutes, is repaired at once and is no conflict', () => {
  for (const times of [[0, 1000], Array.from({ length: 20 }, (_, i) => i * 120_000)]) {
    const owner = new Side(true, 'missing');
    for (const at of times) {
      assert.equal(owner.pass(false, at), true);
      owner.pass(true, at + STEP_MS);
    }
    assert.equal(owner.conflicts.conflict(), undefined);
  }
});

test('after a reconnect, or for a new decision about the route, no repair waits', () => {
  for (const change of ['repairAllNow', 'repairNow'] as const) {
    const owner = new Side(true, 'missing');
    for (let now = 0; now <= 200; now += STEP_MS) owner.pass(false, now);
    assert.equal(owner.pass(false, 300), false);
    assert.equal(owner.conflicts.nextRepairAt(300), 2200);
    owner.conflicts[change](KEY);
    assert.equal(owner.conflicts.nextRepairAt(300), undefined);
    assert.equal(owner.pass(false, 400), true);
  }
});

test('a route that cannot be repaired counts once, however often it is looked at', () => {
  const conflicts = new RouteConflicts();
  for (let now = 0; now < 60_000; now += 5000) {
    conflicts.note(KEY, 'orphan', now);
    conflicts.settle(() => false, now);
    assert.equal(conflicts.isHeldOff(KEY, now), false);
  }
  assert.equal(conflicts.conflict(), undefined);
});
