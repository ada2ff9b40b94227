/*
 * An attack as the API shows it: what the detector found, and what the ban that answers it does about it.
 */
import { z } from 'zod';
import { toRfc3339 } from '../../clock.ts';
import { METRICS } from '../../config/thresholds.ts';
import type { Attack, AttackSample, AttackType, Classification, TopEntry } from '../../engine/attack.ts';
import type { Ban } from '../../mitigation/ban.ts';
import { routeSummary } from '../../mitigation/routeText.ts';
import { hostPrefix } from '../../net/prefix.ts';
import type { DaemonView } from '../daemonView.ts';
import { tenantOfGroup } from '../tenantSight.ts';
import { banStateSchema, flowspecTexts, methodSchema, optionalTime, timeSchema } from './banView.ts';
import { ratesSchema, ratesView, roundRate } from './ratesView.ts';

export const ATTACK_TYPES = [
  'ntp_amplification',
  'dns_amplification',
  'cldap_amplification',
  'memcached_amplification',
  'ssdp_amplification',
  'chargen_amplification',
  'syn_flood',
  'fragment_flood',
  'icmp_flood',
  'udp_flood',
  'tcp_flood',
  'mixed',
] as const satisfies readonly AttackType[];

const topEntrySchema = z.object({ key: z.string(), packets: z.number(), bytes: z.number() }).meta({ id: 'TopEntry' });

const sampleSchema = z
  .object({
    flows: z.array(
      z.object({
        src: z.string(),
        dst: z.string(),
        src_port: z.number().int(),
        dst_port: z.number().int(),
        ip_proto: z.number().int(),
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
    protocols: z.array(topEntrySchema).describe('keys are IP protocol numbers'),
    top_asns: z.array(topEntrySchema),
    total_packets: z.number(),
    total_bytes: z.number(),
  })
  .meta({ id: 'AttackSample', description: 'Packets and bytes are corrected for sampling. Lists are largest first.' });

export const attackSchema = z
  .object({
    id: z.string(),
    scope: z.enum(['host', 'group', 'prefix']),
    target: z.string(),
    prefix: z.string(),
    group: z.string(),
    tenant: z.string().optional(),
    direction: z.enum(['incoming', 'outgoing']),
    metric: z.enum(METRICS),
    rate: z.number().describe('of the metric: now while active, the peak once ended'),
    threshold: z.number(),
    rates: ratesSchema,
    active: z.boolean(),
    ban_state: banStateSchema.optional().describe('absent where no ban answers the attack'),
    method: methodSchema.optional(),
    route: z.string().optional(),
    flowspec: z.array(z.string()),
    dry_run: z.boolean(),
    started_at: timeSchema,
    ended_at: timeSchema.optional(),
    sample: sampleSchema,
    classification: z.object({
      type: z.enum(ATTACK_TYPES),
      confidence: z.number().min(0).max(1),
      src_port: z.number().int().optional(),
    }),
    reason: z.string(),
  })
  .meta({ id: 'Attack' });

export type AttackView = z.infer<typeof attackSchema>;

/** All of `attacks`, each with the newest ban that answers it. */
export function attackViews(attacks: readonly Attack[], daemon: Pick<DaemonView, 'bans' | 'config'>): AttackView[] {
  const banOf = new Map<string, Ban>();
  for (const ban of daemon.bans()) {
    if (ban.attackId !== undefined && !banOf.has(ban.attackId)) banOf.set(ban.attackId, ban);
  }
  return attacks.map((attack) => attackView(attack, banOf.get(attack.id), daemon));
}

function attackView(attack: Attack, ban: Ban | undefined, daemon: Pick<DaemonView, 'config'>): AttackView {
  const config = daemon.config();
  return {
    id: attack.id,
    scope: 'host',
    target: attack.targetText,
    prefix: hostPrefix(attack.target).text,
    group: attack.groupName,
    tenant: tenantOfGroup(config, attack.groupName),
    direction: 'incoming',
    metric: attack.metric,
    rate: roundRate(attack.rate),
    threshold: attack.threshold,
    rates: ratesView(attack.rates),
    active: attack.active,
    ban_state: ban?.state,
    method: ban?.method,
    route: ban === undefined || ban.routes.length === 0 ? undefined : routeSummary(ban),
    flowspec: flowspecTexts(ban?.routes ?? []),
    dry_run: ban?.dryRun ?? config.dryRun,
    started_at: toRfc3339(attack.startedAt),
    ended_at: optionalTime(attack.endedAt),
    sample: sampleView(attack.sample),
    classification: classificationView(attack.classification),
    reason: attack.reason,
  };
}

export function classificationView({ type, confidence, srcPort }: Classification): AttackView['classification'] {
  return { type, confidence: roundRate(confidence), src_port: srcPort };
}

export function sampleView(sample: AttackSample): AttackView['sample'] {
  return {
    flows: sample.flows.map((flow) => ({
      src: flow.src,
      dst: flow.dst,
      src_port: flow.srcPort,
      dst_port: flow.dstPort,
      ip_proto: flow.ipProtocol,
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
    protocols: topEntries(sample.protocols),
    top_asns: [],
    total_packets: sample.totalPackets,
    total_bytes: sample.totalBytes,
  };
}

function topEntries(entries: readonly TopEntry[]): TopEntry[] {
  return entries.map(({ key, packets, bytes }) => ({ key, packets, bytes }));
}
