/*
 * What the encoders write is what the decoders read. The two were written apart, from the standards.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeContext } from '../../src/decode/decodeContext.ts';
import { ExporterState } from '../../src/decode/exporter/exporterState.ts';
import { decodeNetflow } from '../../src/decode/netflow/decodeNetflow.ts';
import { decodeSflow, sflowAgentAddress } from '../../src/decode/sflow/decodeSflow.ts';
import { FlowBatch } from '../../src/flowBatch.ts';
import {
  createEncoder,
  protocolProblem,
  TELEMETRY_PROTOCOLS,
  type TelemetryProtocol,
} from '../../src/flowgen/createEncoder.ts';
import { ETHERNET_BYTES } from '../../src/flowgen/packetHeader.ts';
import type { FlowRecord } from '../../src/flowgen/telemetryEncoder.ts';
import { addressOfWords, sameAddress } from '../../src/net/address.ts';
import { address } from '../fixtures/addressFixture.ts';

const AGENT = address('192.0.2.9');
/** A whole second: the header of IPFIX has no finer time. */
const NOW = 1_700_000_000_000;

const word = fc.nat(0xffffffff);
const ipv4 = fc.integer({ min: 1, max: 0xffffffff }).map((last) => addressOfWords(0, 0, 0xffff, last));
const ipv6 = fc.tuple(word, word, word).map((words) => addressOfWords(0x20010db8, ...words));
const port = fc.nat(0xffff);

/** Flows as any exporter could see them: what has no ports has 0 there, and only TCP has flags. */
function anyFlow(versions: 'ipv4' | 'both', fragments: boolean): fc.Arbitrary<FlowRecord> {
  const pair = versions === 'ipv4' ? fc.tuple(ipv4, ipv4) : fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6));
  return fc
    .record({
      pair,
      srcPort: port,
      dstPort: port,
      transport: fc.constantFrom('tcp', 'udp', 'icmp', 'gre'),
      tcpFlags: fc.nat(255),
      fragment: fragments ? fc.boolean() : fc.constant(false),
      packets: fc.integer({ min: 1, max: 12 }),
      packetBytes: fc.integer({ min: 68, max: 9_000 }),
      durationMs: fc.nat(3_600_000),
      endAgoMs: fc.nat(60_000),
      inInterface: fc.integer({ min: 1, max: 0xffff }),
      outInterface: fc.integer({ min: 1, max: 0xffff }),
    })
    .map(({ pair: [src, dst], transport, packetBytes, ...flow }) => {
      const whole = !flow.fragment;
      const hasPorts = whole && (transport === 'tcp' || transport === 'udp');
      return {
        src,
        dst,
        ...flow,
        srcPort: hasPorts ? flow.srcPort : 0,
        dstPort: hasPorts || (whole && transport === 'icmp') ? flow.dstPort : 0,
        ipProtocol: { tcp: 6, udp: 17, icmp: dst.version === 4 ? 1 : 58, gre: 47 }[transport],
        tcpFlags: whole && transport === 'tcp' ? flow.tcpFlags : 0,
        bytes: flow.packets * packetBytes,
      };
    });
}

for (const protocol of TELEMETRY_PROTOCOLS) {
  const flow = protocol === 'netflow5' ? anyFlow('ipv4', false) : anyFlow('both', true);
  const sampling = fc.integer({ min: 1, max: protocol === 'netflow5' ? 16_383 : 100_000 });

  test(`${protocol} datagrams decode to the flows they were made of, with nothing missing between them`, () => {
    fc.assert(
      fc.property(fc.array(fc.array(flow, { maxLength: 60 }), { maxLength: 4 }), sampling, (batches, rate) => {
        const encoder = createEncoder(protocol, { sampling: rate, agent: AGENT });
        const collector = new Collector(protocol);
        const decoded = batches.flatMap((records, index) => {
          const datagrams = encoder.encode(records, NOW + index * 1_000);
          return datagrams.flatMap((datagram) => collector.receive(datagram));
        });
        const expected = batches.flat().flatMap((record) => asDecoded(protocol, record));
        assert.deepEqual(
          decoded,
          expected.map((record) => ({ ...record, samplingRate: rate })),
        );
        assert.equal(collector.exporter.sequenceGaps, 0);
        assert.deepEqual([...collector.exporter.decodeErrors], []);
      }),
      { numRuns: 150 },
    );
  });

  test(`a lost ${protocol} datagram shows as a gap in its sequence`, () => {
    const encoder = createEncoder(protocol, { sampling: 10, agent: AGENT });
    const collector = new Collector(protocol);
    const [record] = fc.sample(flow, { numRuns: 1, seed: 1 });
    const datagrams = Array.from({ length: 4 }, (_, index) => encoder.encode([record], NOW + index)).flat();
    for (const datagram of datagrams.filter((_, index) => index !== 2)) collector.receive(datagram);
    assert.equal(collector.exporter.sequenceGaps, 1);
  });

  test(`${protocol} datagrams keep below the MTU`, () => {
    fc.assert(
      fc.property(fc.array(flow, { minLength: 1, maxLength: 200 }), (records) => {
        const encoder = createEncoder(protocol, { sampling: 10, agent: AGENT });
        for (const datagram of encoder.encode(records, NOW))
          assert.ok(datagram.length <= 1_464, `${datagram.length} bytes`);
      }),
      { numRuns: 50 },
    );
  });
}

test('a collector that starts late understands netflow9 and ipfix a second later', () => {
  const [record] = fc.sample(anyFlow('both', true), { numRuns: 1, seed: 1 });
  for (const protocol of ['netflow9', 'ipfix'] as const) {
    const encoder = createEncoder(protocol, { sampling: 10, agent: AGENT });
    const late = new Collector(protocol);
    encoder.encode([record], NOW);
    assert.equal(encoder.encode([record], NOW + 500).flatMap((datagram) => late.receive(datagram)).length, 0);
    const flows = encoder.encode([record], NOW + 1_000).flatMap((datagram) => late.receive(datagram));
    assert.equal(flows.at(-1)?.samplingRate, 10, protocol);
  }
});

test('sflow5 datagrams name their agent, IPv4 or IPv6', () => {
  const [record] = fc.sample(anyFlow('both', true), { numRuns: 1, seed: 1 });
  for (const agent of [AGENT, address('2001:db8::9')]) {
    const [datagram] = createEncoder('sflow5', { sampling: 10, agent }).encode([record], NOW);
    const stated = sflowAgentAddress(viewOf(datagram), datagram.length);
    assert.ok(stated !== undefined && sameAddress(stated, agent));
  }
});

test('traffic that a protocol cannot express is refused before anything is encoded', () => {
  const possible = { version: 4, sampling: 100, fragments: false } as const;
  for (const protocol of TELEMETRY_PROTOCOLS) assert.equal(protocolProblem(protocol, possible), undefined);
  assert.match(protocolProblem('netflow5', { ...possible, version: 6 }) ?? '', /only IPv4/);
  assert.match(protocolProblem('netflow5', { ...possible, fragments: true }) ?? '', /fragments/);
  assert.match(protocolProblem('netflow5', { ...possible, sampling: 16_384 }) ?? '', /16383, got 16384/);
  assert.equal(protocolProblem('ipfix', { version: 6, sampling: 1e6, fragments: true }), undefined);
});

type DecodedFlow = FlowRecord & { readonly samplingRate: number };

/** Kapkan's decoders, for datagrams of one exporter. */
class Collector {
  readonly exporter = new ExporterState('192.0.2.9');
  readonly #batch = new FlowBatch(0);
  readonly #context = new DecodeContext(this.#batch);
  readonly #decode: typeof decodeNetflow;

  constructor(protocol: TelemetryProtocol) {
    this.#decode = protocol === 'sflow5' ? decodeSflow : decodeNetflow;
  }

  receive(datagram: Uint8Array): DecodedFlow[] {
    const batch = this.#batch;
    batch.beginDatagram();
    this.#context.begin(viewOf(datagram), datagram.length, this.exporter, NOW);
    this.#decode(this.#context);
    return Array.from({ length: batch.end - batch.start }, (_, index) => flowAt(batch, batch.start + index));
  }
}

function flowAt(batch: FlowBatch, row: number): DecodedFlow {
  return {
    src: addressOfWords(batch.src0[row], batch.src1[row], batch.src2[row], batch.src3[row]),
    dst: addressOfWords(batch.dst0[row], batch.dst1[row], batch.dst2[row], batch.dst3[row]),
    srcPort: batch.srcPort[row],
    dstPort: batch.dstPort[row],
    ipProtocol: batch.ipProtocol[row],
    tcpFlags: batch.tcpFlags[row],
    fragment: batch.fragment[row] === 1,
    packets: batch.sampledPackets[row],
    bytes: batch.sampledBytes[row],
    durationMs: batch.durationMs[row],
    endAgoMs: batch.endAgoOf(row),
    inInterface: batch.inInterface[row],
    outInterface: batch.outInterface[row],
    samplingRate: batch.samplingRate[row],
  };
}

/** sFlow tells of one packet at a time, with its Ethernet header, and of no times. */
function asDecoded(protocol: TelemetryProtocol, record: FlowRecord): FlowRecord[] {
  if (protocol !== 'sflow5') return [record];
  const bytes = record.bytes / record.packets + ETHERNET_BYTES;
  const packet = { ...record, packets: 1, bytes, durationMs: 0, endAgoMs: 0 };
  return new Array<FlowRecord>(record.packets).fill(packet);
}

function viewOf(datagram: Uint8Array): DataView {
  return new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
}
