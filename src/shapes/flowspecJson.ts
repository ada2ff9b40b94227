/*
 * A FlowSpec rule in JSON. Each part is written as in the manual match, so a rule can be copied into the `match` of a ban.
 */
import { z } from 'zod';
import type { FlowspecRoute, Route } from '../mitigation/route.ts';
import { flowspecParts, flowspecText } from '../mitigation/routeText.ts';

const list = z.string().optional();

export const flowspecSchema = z
  .object({
    text: z.string().describe('the whole rule in one line'),
    dst: z.string().optional().describe('prefix'),
    src: z.string().optional().describe('prefix'),
    proto: list.describe('names or numbers, separated by commas'),
    src_port: list.describe('ports and ranges "a-b", separated by commas; also the next'),
    dst_port: list,
    icmp_type: list,
    tcp_flags: list.describe('flags that are set, or clear with "!": "syn,!ack"'),
    fragment: z.boolean().optional(),
    packet_length: list.describe('bytes, and ranges "a-b"'),
    dscp: list,
    action: z.enum(['discard', 'rate_limit']),
    rate_bytes: z.number().describe('bytes a second (RFC 8955 §7.1); 0 discards'),
  })
  .meta({ id: 'FlowspecRule', description: 'RFC 8955. What is absent matches everything.' });

export type FlowspecJson = z.infer<typeof flowspecSchema>;

/** The FlowSpec rules among the routes, in their order. */
export function flowspecJson(routes: readonly Route[]): FlowspecJson[] {
  return routes.filter((route) => route.kind === 'flowspec').map(ruleJson);
}

function ruleJson(route: FlowspecRoute): FlowspecJson {
  const parts = flowspecParts(route.match);
  return {
    text: flowspecText(route),
    dst: parts.dst,
    src: parts.src,
    proto: parts.proto,
    src_port: parts['src-port'],
    dst_port: parts['dst-port'],
    icmp_type: parts['icmp-type'],
    tcp_flags: parts['tcp-flags'],
    fragment: route.match.fragment ? true : undefined,
    packet_length: parts['packet-length'],
    dscp: parts.dscp,
    action: route.rateBytesPerSecond === 0 ? 'discard' : 'rate_limit',
    rate_bytes: route.rateBytesPerSecond,
  };
}
