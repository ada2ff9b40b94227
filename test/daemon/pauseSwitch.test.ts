import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pause } from '../../src/api/daemonFacade.ts';
import { PauseSwitch } from '../../src/daemon/pauseSwitch.ts';
import { DryRunAnnouncer, PAUSED, PausableAnnouncer } from '../../src/mitigation/announcer.ts';
import type { Route } from '../../src/mitigation/route.ts';
import type { OperationalEvent } from '../../src/operationalEvent.ts';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';

function fixture(saved?: Pause) {
  const daemon = new DryRunAnnouncer();
  const announcer = new PausableAnnouncer(daemon, saved !== undefined);
  const store = {
    saved,
    failure: undefined as string | undefined,
    savedPause: () => store.saved,
    savePause: (pause: Pause | undefined) => {
      if (store.failure !== undefined) throw new Error(store.failure);
      store.saved = pause;
    },
  };
  const clock = { time: 1000, now: () => clock.time };
  const events: OperationalEvent[] = [];
  const toggle = new PauseSwitch({
    announcer,
    store,
    clock,
    log: silentLogger(),
    gobgp: () => '127.0.0.1:50051',
    onEvent: (event) => events.push(event),
  });
  return { daemon, announcer, store, toggle, events, clock };
}

const MAX_RULES = 10;
const ONE = wanted(blackhole('192.0.2.1'));
const TWO = wanted(blackhole('192.0.2.1'), blackhole('192.0.2.2'));

test('a pause takes every route out, and resume brings back what is wanted by then', () => {
  const { daemon, announcer, toggle, store } = fixture();
  announcer.setWanted(ONE, MAX_RULES);
  assert.deepEqual(toggle.pause('noc'), { since: 1000, by: 'noc' });
  assert.equal(daemon.wanted().size, 0);
  announcer.setWanted(TWO, MAX_RULES);
  assert.equal(daemon.wanted().size, 0, 'what is decided meanwhile is not announced');
  assert.equal(announcer.evidence('any').heldBack, PAUSED);
  assert.deepEqual(store.saved, { since: 1000, by: 'noc' });
  toggle.resume('noc');
  assert.deepEqual([...daemon.wanted().keys()], [...TWO.keys()]);
  assert.equal(announcer.evidence('any').heldBack, undefined);
  assert.deepEqual([store.saved, toggle.state()], [undefined, undefined]);
});

test('a pause that outlived a restart holds from the first moment', () => {
  const { daemon, announcer, toggle } = fixture({ since: 5, by: 'noc' });
  announcer.setWanted(ONE, MAX_RULES);
  assert.equal(daemon.wanted().size, 0);
  assert.deepEqual(toggle.state(), { since: 5, by: 'noc' });
  assert.deepEqual(toggle.pause('other'), { since: 5, by: 'noc' }, 'the first pause stays');
});

test('before anything is known to be wanted, nothing is said to GoBGP, so that no route is taken for an orphan', () => {
  const { daemon, toggle } = fixture();
  let calls = 0;
  daemon.setWanted = () => {
    calls++;
  };
  toggle.pause('noc');
  toggle.resume('noc');
  assert.equal(calls, 0);
});

test('a store that fails keeps nobody from pausing', () => {
  const { daemon, announcer, toggle, store } = fixture();
  announcer.setWanted(ONE, MAX_RULES);
  store.failure = 'disk full';
  toggle.pause('noc');
  assert.equal(daemon.wanted().size, 0);
  toggle.resume('noc');
  assert.equal(daemon.wanted().size, 1);
});

test('the limit of rules goes through to GoBGP, paused or not', () => {
  const { daemon, announcer, toggle } = fixture();
  const limits: number[] = [];
  daemon.setWanted = (_wanted, maxRules?: number) => {
    limits.push(maxRules ?? Number.NaN);
  };
  announcer.setWanted(ONE, 7);
  toggle.pause('noc');
  toggle.resume('noc');
  announcer.setWanted(TWO, 8);
  assert.deepEqual(limits, [7, 7, 7, 8]);
});

test('a pause and its end are reported once each, with who did it, what was withdrawn and for how long', () => {
  const { announcer, toggle, events, clock } = fixture();
  announcer.setWanted(TWO, MAX_RULES);
  toggle.pause('noc');
  toggle.pause('other');
  clock.time += 90_000;
  toggle.resume('anonymous');
  toggle.resume('lead');
  assert.deepEqual(events, [
    { kind: 'paused', at: 1000, subject: '127.0.0.1:50051', detail: 'by noc; withdrawn: 2 routes' },
    { kind: 'resumed', at: 91_000, subject: '127.0.0.1:50051', detail: 'by an operator; paused by noc for 90 s' },
  ]);
});

test('a pause says which kinds of routes it withdrew, and where there were none', () => {
  const detailOf = (...routes: readonly Route[]) => {
    const { announcer, toggle, events } = fixture();
    announcer.setWanted(wanted(...routes), MAX_RULES);
    toggle.pause('noc');
    return events[0].detail;
  };
  const [one, rule] = [blackhole('192.0.2.1'), flowspec('192.0.2.1', {})];
  assert.equal(detailOf(one, rule), 'by noc; withdrawn: 1 route and 1 FlowSpec rule');
  assert.equal(detailOf(), 'by noc; withdrawn: nothing, because no route was seen in GoBGP');
});
