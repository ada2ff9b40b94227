import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Channel, DeliveryError, type Message } from '../../src/notify/channel.ts';
import { DeliveryQueue, type QueueLimits } from '../../src/notify/deliveryQueue.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { FakeChannel } from './fakeChannel.ts';
import { FakeScheduler, settle } from './fakeScheduler.ts';
import { notificationOf } from './notifyFixture.ts';

const LIMITS: QueueLimits = {
  capacity: 10,
  workers: 2,
  deadlineMs: 60_000,
  firstPauseMs: 1000,
  longestPauseMs: 8000,
};

function queueOf(channel: Channel, limits: Partial<QueueLimits> = {}) {
  const scheduler = new FakeScheduler();
  const counts = { ok: 0, error: 0, dropped: 0 };
  const log = silentLogger();
  const queue = new DeliveryQueue({ channel, scheduler, log, counts, limits: { ...LIMITS, ...limits } });
  const push = (target: string, event: 'attack_started' | 'attack_ended' = 'attack_started'): void =>
    queue.push(target, { notifications: [notificationOf({ target, event })], consoleUrl: '' });
  return { queue, scheduler, counts, push };
}

test('a delivered message is counted once, however many attempts it took', async () => {
  const channel = new FakeChannel();
  channel.outcomes = ['later', 'later', 'ok'];
  const { scheduler, counts, push } = queueOf(channel);
  push('a');
  await scheduler.advance(30_000);
  assert.equal(channel.attempts.length, 3);
  assert.deepEqual(counts, { ok: 1, error: 0, dropped: 0 });
});

test('pauses double from the first to the longest, and half of each is random', async () => {
  for (const random of [0, 0.999]) {
    const channel = new FakeChannel();
    channel.always = 'later';
    const { scheduler, push } = queueOf(channel);
    scheduler.randomValue = random;
    push('a');
    await settle();
    for (const pause of [1000, 2000, 4000, 8000, 8000]) {
      const actual = pause * (0.5 + 0.5 * random);
      const before = channel.attempts.length;
      await scheduler.advance(actual - 1);
      assert.equal(channel.attempts.length, before, `no attempt before ${actual} ms`);
      await scheduler.advance(1);
      assert.equal(channel.attempts.length, before + 1, `an attempt after ${actual} ms`);
    }
  }
});

test('no attempt begins after the deadline, and then the message counts as an error', async () => {
  const channel = new FakeChannel();
  channel.always = 'later';
  const { scheduler, counts, queue, push } = queueOf(channel);
  push('a');
  await scheduler.advance(59_999);
  const attempts = channel.attempts.length;
  assert.deepEqual(counts, { ok: 0, error: 1, dropped: 0 });
  await scheduler.advance(3_600_000);
  assert.equal(channel.attempts.length, attempts);
  assert.equal(queue.length, 0);
  assert.equal(queue.lastError, 'busy');
});

test('a permanent failure is not retried', async () => {
  const channel = new FakeChannel();
  channel.always = 'never';
  const { scheduler, counts, push } = queueOf(channel);
  push('a');
  await scheduler.advance(60_000);
  assert.equal(channel.attempts.length, 1);
  assert.deepEqual(counts, { ok: 0, error: 1, dropped: 0 });
});

test('an attempt that hangs is aborted after its timeout and retried', async () => {
  const channel = new FakeChannel();
  channel.outcomes = ['hangs', 'ok'];
  const { scheduler, counts, push } = queueOf(channel);
  push('a');
  await scheduler.advance(9_999);
  assert.equal(channel.attempts.length, 1);
  await scheduler.advance(2_000);
  assert.equal(channel.attempts.length, 2);
  assert.equal(counts.ok, 1);
  assert.equal(scheduler.pendingTimers, 0, 'no timer is left behind');
});

test('a longer pause that the server asks for is kept', async () => {
  let attempts = 0;
  const channel: Channel = {
    name: 'telegram',
    audience: 'people',
    timeoutMs: 1000,
    deliver: async () => {
      attempts++;
      if (attempts === 1) throw new DeliveryError('too many', true, 30_000);
    },
  };
  const { scheduler, push } = queueOf(channel);
  push('a');
  await scheduler.advance(29_999);
  assert.equal(attempts, 1);
  await scheduler.advance(1);
  assert.equal(attempts, 2);
});

test('messages that do not fit are dropped and counted, and no others', async () => {
  const channel = new FakeChannel();
  channel.always = 'hangs';
  const { queue, counts, push } = queueOf(channel);
  for (let i = 0; i < 25; i++) push(`target-${i}`);
  await settle();
  assert.equal(queue.length, 10);
  assert.equal(counts.dropped, 15);
});

test('a target whose delivery fails delays its own messages and no others', async () => {
  const delivered: string[] = [];
  const channel: Channel = {
    name: 'exec',
    audience: 'programs',
    timeoutMs: 1000,
    deliver: async ({ notifications: [{ target, event }] }: Message) => {
      if (target === 'broken' && delivered.length < 4) throw new DeliveryError('not now', true);
      delivered.push(`${target} ${event}`);
    },
  };
  const { scheduler, push } = queueOf(channel);
  push('broken', 'attack_started');
  push('broken', 'attack_ended');
  for (const target of ['a', 'b', 'c', 'd']) push(target);
  await scheduler.advance(0);
  assert.deepEqual(
    delivered,
    ['a', 'b', 'c', 'd'].map((target) => `${target} attack_started`),
  );
  await scheduler.advance(10_000);
  assert.deepEqual(delivered.slice(4), ['broken attack_started', 'broken attack_ended']);
});

test('messages of a target arrive in order, each ends once, and the capacity holds', async () => {
  const outcome = fc.constantFrom('ok' as const, 'later' as const, 'never' as const, 'hangs' as const);
  const step = fc.record({ target: fc.constantFrom('a', 'b', 'c'), waitMs: fc.nat(3000) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.array(outcome), async (steps, outcomes) => {
      const inner = new FakeChannel();
      inner.outcomes = outcomes;
      const done: number[] = [];
      const channel: Channel = {
        name: 'webhook',
        audience: 'programs',
        timeoutMs: inner.timeoutMs,
        deliver: async (message, signal) => {
          await inner.deliver(message, signal);
          done.push(message.notifications[0].at);
        },
      };
      const { queue, scheduler, counts } = queueOf(channel);
      const targetOf = new Map<number, string>();
      for (const [at, { target, waitMs }] of steps.entries()) {
        targetOf.set(at, target);
        queue.push(target, { notifications: [notificationOf({ target, at })], consoleUrl: '' });
        assert.ok(queue.length <= LIMITS.capacity);
        await scheduler.advance(waitMs);
      }
      await scheduler.advance(3_600_000);
      assert.equal(counts.ok + counts.error + counts.dropped, steps.length);
      assert.equal(counts.ok, done.length);
      for (const target of ['a', 'b', 'c']) {
        const order = done.filter((at) => targetOf.get(at) === target);
        assert.deepEqual(
          order,
          order.toSorted((x, y) => x - y),
        );
      }
      assert.equal(queue.length, 0);
    }),
    { numRuns: 60 },
  );
});

test('a stop tries what is queued once more, gives up after the grace time, and counts everything', async () => {
  const channel = new FakeChannel();
  channel.outcomes = ['later', 'hangs'];
  const { queue, scheduler, counts, push } = queueOf(channel);
  for (const target of ['a', 'b', 'c', 'd']) push(target);
  await settle();
  const stopped = queue.stop(2000);
  await settle();
  push('late');
  await scheduler.advance(2000);
  await stopped;
  assert.equal(counts.dropped, 1, 'pushed after the stop');
  assert.equal(counts.ok + counts.error, 4);
  assert.equal(counts.error, 1, 'the one that hung');
  assert.equal(scheduler.pendingTimers, 0);
});
