import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeBench } from '../decodedFlows.ts';
import { netflow5 } from '../telemetryBytes.ts';

const flow = { src: '198.51.100.7', dst: '203.0.113.9' };

test('a NetFlow v5 record becomes a row with all its fields', () => {
  const bench = new DecodeBench();
  const [row] = bench.netflow(
    netflow5([
      {
        ...flow,
        srcPort: 53,
        dstPort: 4000,
        protocol: 17,
        tcpFlags: 0x12,
        packets: 3,
        bytes: 4_000_000_000,
        input: 7,
        output: 65_535,
        first: 4_294_967_000,
        last: 704,
      },
    ]),
  );
  assert.deepEqual(row, {
    ...flow,
    srcPort: 53,
    dstPort: 4000,
    protocol: 17,
    tcpFlags: 0x12,
    fragment: 0,
    packets: 3,
    bytes: 4_000_000_000,
    samplingRate: 0,
    samplingSource: 'default',
    durationMs: 1000, // the 32-bit uptime wrapped in between
    inInterface: 7,
    outInterface: 65_535,
  });
  assert.ok(bench.clean);
  assert.equal(bench.exporter.datagrams[0], 1);
  assert.equal(bench.exporter.flows[0], 1);
});

test('the sampling interval of the header is used whatever its mode bits are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0x3fff }), (mode, interval) => {
      const [row] = new DecodeBench().netflow(netflow5([flow], { sampling: (mode << 14) | interval }));
      assert.equal(row.samplingRate, interval);
      assert.equal(row.samplingSource, interval > 0 ? 'header' : 'default');
    }),
  );
});

test('a header that promises more records than the datagram holds gives those it holds, and an error', () => {
  const bench = new DecodeBench();
  assert.equal(bench.netflow(netflow5([flow, flow], { count: 30 })).length, 2);
  assert.equal(bench.clean, false);
  assert.deepEqual(bench.errors, { datagram_truncated: 1 });
  assert.equal(bench.exporter.decodeErrorDatagrams, 1);
});

test('a flow that ends before it begins has no duration, one that lasts for weeks has its own', () => {
  const bench = new DecodeBench();
  const rows = bench.netflow(
    netflow5([
      { ...flow, first: 5000, last: 4999 },
      { ...flow, first: 0, last: 1_000_000_000 },
      { ...flow, first: 5000, last: 4_273_000_000 },
      { ...flow, first: 4_000_000_000, last: 5000 },
    ]),
  );
  assert.deepEqual(
    rows.map((row) => row.durationMs),
    [0, 1_000_000_000, 4_272_995_000, 294_972_296],
  );
});

test('missing flows of one engine are a sequence gap of that engine only', () => {
  const bench = new DecodeBench();
  const send = (sequence: number, engine: number): void => {
    bench.netflow(netflow5([flow, flow], { sequence, engine }));
  };
  send(100, 1);
  send(102, 1);
  send(500, 2);
  assert.equal(bench.exporter.sequenceGaps, 0);
  send(106, 1); // 104 and 105 are missing
  assert.equal(bench.exporter.sequenceGaps, 1);
  send(104, 1); // they were only late
  send(108, 1);
  assert.equal(bench.exporter.sequenceGaps, 1);
});
