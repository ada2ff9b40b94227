/*
 * What an attack is made of, in JSON: some of its flows, and the largest contributors.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { AttackSample, TopEntry } from '../engine/attack.ts';
import { ICMP, ICMPV6, TCP, UDP } from '../net/protocolNumbers.ts';
import { timeSchema } from './timeJson.ts';

const topEntrySchema = z.object({ key: z.string(), packets: z.number(), bytes: z.number() }).meta({ id: 'TopEntry' });

export const attackSampleSchema = z
  .object({
    flows: z.array(
      z.object({
        src: z.string(),
        dst: z.string(),
        src_port: z.number().int(),
        dst_port: z.number().int(),
        proto: z.string().describe('as the keys of protocols'),
        tcp_flags: z.number().int(),
        fragment: z.boolean(),
        packets: z.number(),
        bytes: z.number(),
        sampling_rate: z.number(),
        received_at: timeSchema,
      }),
    ),
    top_sources: z.array(topEntrySchema),
    top_src_ports: z.array(topEntrySchema),
    top_dst_ports: z.array(topEntrySchema),
    protocols: z
      .array(topEntrySchema)
      .describe('keys are udp, tcp, icmp (of either family), else the IP protocol number'),
    top_exporters: z.array(topEntrySchema).describe('keys are exporter addresses'),
    top_interfaces: z
      .array(topEntrySchema)
      .describe('input interfaces; keys are exporter address, space, ifIndex. Flows that name none are left out'),
    top_asns: z.array(topEntrySchema),
    total_packets: z.number(),
    total_bytes: z.number(),
  })
  .meta({ id: 'AttackSample', description: 'Packets and bytes are corrected for sampling. Lists are largest first.' });

export type AttackSampleJson = z.infer<typeof attackSampleSchema>;

export function attackSampleJson(sample: AttackSample): AttackSampleJson {
  return {
    flows: sample.flows.map((flow) => ({
      src: flow.src,
      dst: flow.dst,
      src_port: flow.srcPort,
      dst_port: flow.dstPort,
      proto: protocolKey(String(flow.ipProtocol)),
      tcp_flags: flow.tcpFlags,
      fragment: flow.fragment,
      packets: flow.packets,
      bytes: flow.bytes,
      sampling_rate: flow.samplingRate,
      received_at: toRfc3339(flow.receivedAtMs),
    })),
    top_sources: topEntries(sample.topSources),
    top_src_ports: topEntries(sample.topSrcPorts),
    top_dst_ports: topEntries(sample.topDstPorts),
    protocols: topEntries(sample.protocols).map((entry) => ({ ...entry, key: protocolKey(entry.key) })),
    top_exporters: topEntries(sample.topExporters),
    top_interfaces: topEntries(sample.topInterfaces),
    top_asns: [],
    total_packets: sample.totalPackets,
    total_bytes: sample.totalBytes,
  };
}

/** Protocols with rates of their own are named; every other protocol is its IANA number. */
const PROTOCOL_KEYS: ReadonlyMap<string, string> = new Map([
  [String(ICMP), 'icmp'],
  [String(TCP), 'tcp'],
  [String(UDP), 'udp'],
  [String(ICMPV6), 'icmp'],
]);

/** The name of an IP protocol number; both are text. */
export function protocolKey(number: string): string {
  return PROTOCOL_KEYS.get(number) ?? number;
}

function topEntries(entries: readonly TopEntry[]): TopEntry[] {
  return entries.map(({ key, packets, bytes }) => ({ key, packets, bytes }));
}
