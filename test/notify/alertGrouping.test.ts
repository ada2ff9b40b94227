import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlertGrouping } from '../../src/notify/alertGrouping.ts';
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
  assert.deepEqual(sent, [1, 1, 1, 1, 1, 95, 1]);
});
