import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeBench } from '../decodedFlows.ts';
import { type Field, ipfix, ipv4, type MessageOptions, netflow9, set, template, uint } from '../telemetryBytes.ts';

/** Two layouts of records of one size: in the other the counters stand in the place of the addresses. */
const FIELDS: readonly Field[] = [
  [8, 4],
  [12, 4],
  [2, 4],
  [1, 4],
];
const OTHER: readonly Field[] = [
  [2, 4],
  [1, 4],
  [8, 4],
  [12, 4],
];
const addresses = [...ipv4('198.51.100.7'), ...ipv4('203.0.113.9')];
const record = (bytes: number): number[] => [...addresses, ...uint(1, 4), ...uint(bytes, 4)];
const otherRecord = (bytes: number): number[] => [...uint(1, 4), ...uint(bytes, 4), ...addresses];

const HOUR = 3_600_000;
const T0 = 1_790_000_000;

interface Sent {
  readonly port: number;
  /** Seconds after T0. */
  readonly at?: number;
  readonly sequence?: number;
  readonly bootMs?: number;
}

/** Both protocols as one: sets in, bytes of the rows out. */
class Collector {
  readonly bench = new DecodeBench();
  readonly #protocol: 'v9' | 'ipfix';

  constructor(protocol: 'v9' | 'ipfix') {
    this.#protocol = protocol;
  }

  /** `templates` in template sets, then `data` as [template id, record]. */
  take(sent: Sent, templates: readonly number[][], data: readonly [number, number[]][] = []): number[] {
    const { port, at = 0, sequence = 0, bootMs = T0 * 1000 - HOUR } = sent;
    const exportTime = T0 + at;
    const options: MessageOptions = { exportTime, sequence, uptime: exportTime * 1000 - bootMs };
    const templateSet = this.#protocol === 'v9' ? 0 : 2;
    const sets = [...templates.map((one) => set(templateSet, one)), ...data.map(([id, body]) => set(id, body))];
    const datagram = this.#protocol === 'v9' ? netflow9(sets, options) : ipfix(sets, options);
    return this.bench.netflow(datagram, at * 1000, port).map(({ src, bytes }) => {
      assert.equal(src, '198.51.100.7');
      return bytes;
    });
  }
}

for (const protocol of ['v9', 'ipfix'] as const) {
  test(`${protocol}: two exporters behind one address keep their layouts apart`, () => {
    const collector = new Collector(protocol);
    collector.take({ port: 1000 }, [template(256, FIELDS)]);
    collector.take({ port: 2000, bootMs: T0 * 1000 - 2 * HOUR }, [template(256, OTHER)]);
    for (let at = 1; at < 5; at++) {
      assert.deepEqual(collector.take({ port: 1000, at, sequence: at }, [], [[256, record(500)]]), [500]);
      const other = { port: 2000, at, sequence: at, bootMs: T0 * 1000 - 2 * HOUR };
      assert.deepEqual(collector.take(other, [], [[256, otherRecord(700)]]), [700]);
    }
    assert.equal(collector.bench.exporter.templates, 2);
    assert.equal(collector.bench.exporter.restarts, 0);
    if (protocol === 'v9') assert.equal(collector.bench.exporter.sequenceGaps, 0);
  });

  test(`${protocol}: data from a port that announces no template has that of another port`, () => {
    const collector = new Collector(protocol);
    collector.take({ port: 1000 }, [template(256, FIELDS)]);
    assert.deepEqual(collector.take({ port: 2000, at: 1, sequence: 1 }, [], [[256, record(500)]]), [500]);
    // It changes with the announcements of that port.
    collector.take({ port: 1000, at: 2, sequence: 1 }, [template(256, OTHER)]);
    assert.deepEqual(collector.take({ port: 2000, at: 3, sequence: 2 }, [], [[256, otherRecord(700)]]), [700]);
  });

  test(`${protocol}: the same template from many ports is one template`, () => {
    const collector = new Collector(protocol);
    for (let port = 1; port <= 100; port++) {
      assert.deepEqual(collector.take({ port, at: port }, [template(256, FIELDS)], [[256, record(port)]]), [port]);
    }
    assert.equal(collector.bench.exporter.templates, 1);
  });

  test(`${protocol}: a restarted exporter's data waits for its new template`, () => {
    const collector = new Collector(protocol);
    collector.take({ port: 1000, sequence: 500_000 }, [template(256, FIELDS)]);
    assert.deepEqual(collector.take({ port: 1000, at: 1, sequence: 500_001 }, [], [[256, record(500)]]), [500]);
    const bootMs = (T0 + 100) * 1000;
    assert.deepEqual(collector.take({ port: 1000, at: 120, sequence: 0, bootMs }, [], [[256, otherRecord(1)]]), []);
    assert.equal(collector.bench.exporter.restarts, 1);
    assert.equal(collector.bench.exporter.awaitingTemplateSets, 1);
    const rows = collector.take({ port: 1000, at: 121, sequence: 1, bootMs }, [template(256, OTHER)]);
    assert.deepEqual(rows, [1]);
    assert.deepEqual(collector.take({ port: 1000, at: 122, sequence: 2, bootMs }, [], [[256, otherRecord(9)]]), [9]);
    if (protocol === 'v9') assert.equal(collector.bench.exporter.sequenceGaps, 0);
  });

  test(`${protocol}: a restarted exporter may have another port`, () => {
    const collector = new Collector(protocol);
    collector.take({ port: 1000, sequence: 500_000 }, [template(256, FIELDS)]);
    const bootMs = (T0 + 100) * 1000;
    assert.deepEqual(collector.take({ port: 2000, at: 120, sequence: 0, bootMs }, [], [[256, otherRecord(1)]]), []);
    const rows = collector.take({ port: 2000, at: 121, sequence: 1, bootMs }, [template(256, OTHER)]);
    assert.deepEqual(rows, [1]);
  });

  test(`${protocol}: a datagram that was overtaken is not a restart`, () => {
    const collector = new Collector(protocol);
    collector.take({ port: 1000, sequence: 500_000 }, [template(256, FIELDS)]);
    assert.deepEqual(collector.take({ port: 1000, at: 60, sequence: 500_900 }, [], [[256, record(1)]]), [1]);
    assert.deepEqual(collector.take({ port: 1000, at: 1, sequence: 500_001 }, [], [[256, record(2)]]), [2]);
    assert.deepEqual(collector.take({ port: 1000, at: 61, sequence: 500_901 }, [], [[256, record(3)]]), [3]);
    assert.equal(collector.bench.exporter.restarts, 0);
  });

  test(`${protocol}: one forged message that looks like a restart takes no template`, () => {
    const collector = new Collector(protocol);
    collector.take({ port: 1000, sequence: 500_000 }, [template(256, FIELDS)]);
    assert.deepEqual(collector.take({ port: 1000, at: 1, sequence: 500_001 }, [], [[256, record(1)]]), [1]);
    collector.take({ port: 1000, at: 2, sequence: 0, bootMs: T0 * 1000 }, []);
    assert.equal(collector.bench.exporter.restarts, 1);
    assert.deepEqual(collector.take({ port: 1000, at: 3, sequence: 500_002 }, [], [[256, record(2)]]), [2]);
    // A real restart later is still found.
    const bootMs = (T0 + 100) * 1000;
    assert.deepEqual(collector.take({ port: 1000, at: 120, sequence: 0, bootMs }, [], [[256, otherRecord(1)]]), []);
    assert.equal(collector.bench.exporter.restarts, 2);
  });

  test(`${protocol}: two processes that send from one port restart twice at most`, () => {
    const collector = new Collector(protocol);
    const send = (at: number): number[] => {
      const young = at % 2 === 1;
      const bootMs = (young ? T0 - 50 : T0 - 5000) * 1000;
      return collector.take({ port: 1000, at, sequence: (young ? 0 : 500_000) + at, bootMs }, [], [[256, record(7)]]);
    };
    collector.take({ port: 1000, sequence: 500_000, bootMs: (T0 - 5000) * 1000 }, [template(256, FIELDS)]);
    for (let at = 1; at < 10; at++) send(at);
    assert.ok(collector.bench.exporter.restarts <= 2);
    collector.take({ port: 1000, at: 10, sequence: 500_010, bootMs: (T0 - 5000) * 1000 }, [template(256, FIELDS)]);
    for (let at = 11; at < 30; at++) assert.deepEqual(send(at), [7]);
  });
}

test('v9: an uptime that begins at 0 after 50 days is not a restart', () => {
  const collector = new Collector('v9');
  const bootMs = T0 * 1000 - 0xffff_f000;
  collector.take({ port: 1000, sequence: 5, bootMs }, [template(256, FIELDS)]);
  const again = { port: 1000, at: 60, sequence: 6, bootMs: bootMs + 0x1_0000_0000 };
  assert.deepEqual(collector.take(again, [], [[256, record(500)]]), [500]);
  assert.deepEqual(collector.take({ ...again, at: 61, sequence: 9 }, [], [[256, record(500)]]), [500]);
  assert.equal(collector.bench.exporter.restarts, 0);
});

test('v9: an exporter without a clock begins in 1970 again', () => {
  const collector = new Collector('v9');
  const from1970 = (uptimeSeconds: number, sequence: number) => ({
    port: 1000,
    at: uptimeSeconds - T0,
    sequence,
    bootMs: 0,
  });
  collector.take(from1970(90_000, 800), [template(256, FIELDS)]);
  assert.deepEqual(collector.take(from1970(20, 0), [], [[256, otherRecord(1)]]), []);
  assert.equal(collector.bench.exporter.restarts, 1);
});

test('a session that falls silent gives way to others, and its templates still serve', () => {
  const collector = new Collector('ipfix');
  collector.take({ port: 1 }, [template(256, FIELDS)]);
  for (let port = 2; port < 200; port++) {
    assert.deepEqual(collector.take({ port, at: port }, [], [[256, record(port)]]), [port]);
  }
});

test('data waits as long as only another exporter behind the address has announced its template', () => {
  const collector = new Collector('v9');
  collector.take({ port: 1000 }, [template(256, FIELDS)]);
  const other = { port: 2000, bootMs: T0 * 1000 - 2 * HOUR };
  assert.deepEqual(collector.take({ ...other, at: 1 }, [], [[256, otherRecord(1)]]), []);
  assert.deepEqual(collector.take({ ...other, at: 2, sequence: 1 }, [template(256, OTHER)]), [1]);
});

test('v9: a restart of an exporter whose sequence number is always 0 is found by its uptime', () => {
  const collector = new Collector('v9');
  collector.take({ port: 1000, bootMs: T0 * 1000 - 5000 }, [template(256, FIELDS)]);
  const before = { port: 1000, at: 900, bootMs: T0 * 1000 - 5000 };
  assert.deepEqual(collector.take(before, [], [[256, record(500)]]), [500]);
  const after = { port: 1000, at: 1000, bootMs: (T0 + 990) * 1000 };
  assert.deepEqual(collector.take(after, [], [[256, otherRecord(1)]]), []);
  assert.equal(collector.bench.exporter.restarts, 1);
});
