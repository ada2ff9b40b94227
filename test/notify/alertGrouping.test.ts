import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AlertGrouping,
  FIRST_GROUP_WAIT_MS,
  SINGLE_CRITICAL_MESSAGES,
  SINGLE_MESSAGES,
} from '../../src/notify/alertGrouping.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { FakeScheduler } from './fakeScheduler.ts';
import { notificationOf } from './notifyFixture.ts';

test('a storm that goes on is sent less and less often, and nothing is lost', async () => {
  const scheduler = new FakeScheduler();
  const sent: number[] = [];
  const grouping = new AlertGrouping({
    scheduler,
    send: (notifications) => sent.push(notifications.length),
    drop: () => assert.fail('nothing is dropped'),
  });
  const hours = 4;
  for (let second = 0; second < hours * 3600; second++) {
    grouping.add(notificationOf());
    await scheduler.advance(1000);
  }
  grouping.flush();
  assert.equal(
    sent.reduce((sum, count) => sum + count, 0),
    hours * 3600,
  );
  assert.ok(sent.length < 80, `${sent.length} messages`);
});

test('after a storm the next attack is sent by itself again', async () => {
  const scheduler = new FakeScheduler();
  const sent: number[] = [];
  const grouping = new AlertGrouping({ scheduler, send: (all) => sent.push(all.length), drop: () => undefined });
  for (let i = 0; i < 100; i++) grouping.add(notificationOf());
  await scheduler.advance(120_000);
  grouping.add(notificationOf());
  assert.deepEqual(sent, [...Array(SINGLE_MESSAGES).fill(1), 100 - SINGLE_MESSAGES, 1]);
});

test('a critical notification does not wait in a group, and many of them are grouped too', async () => {
  const scheduler = new FakeScheduler();
  const sent: string[][] = [];
  const send = (all: readonly Notification[]) => sent.push(all.map(({ event }) => event));
  const grouping = new AlertGrouping({ scheduler, send, drop: () => undefined });
  for (let i = 0; i < 50; i++) grouping.add(notificationOf());
  const before = sent.length;
  for (let i = 0; i < 50; i++) grouping.add(notificationOf({ event: 'ban_failed', failure: 'not_announced' }));
  assert.deepEqual(sent.slice(before), Array(SINGLE_CRITICAL_MESSAGES).fill(['ban_failed']));
  await scheduler.advance(FIRST_GROUP_WAIT_MS);
  assert.equal(sent.at(-1)?.length, 100 - SINGLE_MESSAGES - SINGLE_CRITICAL_MESSAGES, 'nothing is lost');
});
