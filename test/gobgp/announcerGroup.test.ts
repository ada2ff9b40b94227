import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../../src/clock.ts';
import { AnnouncerGroup } from '../../src/gobgp/announcerGroup.ts';
import { GobgpAnnouncer } from '../../src/gobgp/gobgpAnnouncer.ts';
import { routeKey } from '../../src/mitigation/route.ts';
import { blackhole, wanted } from '../fixtures/routeFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { eventually } from '../integration/eventually.ts';
import { FakeGobgp } from './fakeGobgp.ts';

/** One daemon in reach and one that is not. */
async function startHalf(t: TestContext): Promise<{ up: FakeGobgp; group: AnnouncerGroup }> {
  const up = await FakeGobgp.start();
  const down = await FakeGobgp.start();
  down.stop();
  const members = [up, down].map(
    ({ address }) =>
      new GobgpAnnouncer({
        address,
        gobgp: { api: 'v4', tls: undefined, timeoutSeconds: 2, instanceId: 1 },
        clock: new SystemClock(),
        log: silentLogger(),
        withdrawOrphans: true,
      }),
  );
  const group = new AnnouncerGroup(members);
  group.start();
  t.after(async () => {
    await group.stop();
    up.stop();
  });
  await eventually(() => members[0].status().connected && members[1].status().lastError !== undefined);
  return { up, group };
}

test('a daemon out of reach is no refusal while one in reach has not answered for the route yet', async (t) => {
  const { group } = await startHalf(t);
  const route = blackhole('192.0.2.1');
  group.setWanted(wanted(route));
  const { installed, lastError } = group.evidence(routeKey(route));
  assert.equal(installed, false);
  assert.equal(lastError, undefined);
  await eventually(() => group.evidence(routeKey(route)).installed);
  assert.match(group.evidence(routeKey(route)).lastError ?? '', /cannot be reached/);
});

test('a refusal by a daemon in reach is told before one that is out of it', async (t) => {
  const { up, group } = await startHalf(t);
  const route = blackhole('192.0.2.1');
  up.refused.add(routeKey(route));
  group.setWanted(wanted(route));
  await eventually(() => assert.match(group.evidence(routeKey(route)).lastError ?? '', /invalid path/));
});

test('what a daemon out of reach holds is not taken for withdrawn', async (t) => {
  const { up, group } = await startHalf(t);
  group.setWanted(wanted(blackhole('192.0.2.1')));
  await eventually(() => up.rib.size === 1);
  group.setWanted(new Map());
  assert.equal(await group.whenSettled(500), false);
  assert.equal(up.rib.size, 0);
});
