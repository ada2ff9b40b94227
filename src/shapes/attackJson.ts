/*
 * An attack in JSON: what the detector found, and what the ban that answers it does about it.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Attack, AttackReason, AttackType, Classification } from '../engine/attack.ts';
import type { TimelineEntry } from '../incidents/incidentTable.ts';
import type { Ban } from '../mitigation/ban.ts';
import { routeSummary } from '../mitigation/route.ts';
import { tenantOfGroup } from '../mitigation/scope.ts';
import { hostPrefix } from '../net/prefix.ts';
import { METRICS } from '../trafficMetrics.ts';
import { attackSampleJson, attackSampleSchema } from './attackSampleJson.ts';
import { banStateSchema, flowspecJson, flowspecSchema, methodSchema } from './banJson.ts';
import { ratesJson, ratesSchema, roundRate } from './ratesJson.ts';
import { optionalTime, timeSchema } from './timeJson.ts';

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

const share = z.number().min(0).max(1);

const reasonSchema = z
  .object({
    text: z.string().describe('for a person'),
    threshold_source: z.enum(['static']).describe('static: the limit is written in the config'),
    shares: z
      .object({ tcp: share, udp: share, icmp: share, other: share })
      .describe("of the target's packets, when the attack was found"),
  })
  .meta({ id: 'AttackReason' });

const classificationSchema = z
  .object({
    type: z.enum(ATTACK_TYPES),
    confidence: share.describe('share of the traffic that fits the type; 0 for mixed'),
    src_port: z.number().int().optional().describe('the reflected port of an amplification'),
  })
  .meta({ id: 'Classification' });

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
    rate_error: z
      .number()
      .describe('half the width of the 95 % interval of the rate, from the number of samples; 0 without sampling'),
    peak: z.number().describe('the highest rate of the metric seen'),
    threshold: z.number(),
    rates: ratesSchema,
    active: z.boolean(),
    ban_state: banStateSchema.optional().describe('absent where no ban answers the attack'),
    method: methodSchema.optional(),
    route: z.string().optional(),
    flowspec: z.array(flowspecSchema),
    dry_run: z.boolean(),
    started_at: timeSchema,
    ended_at: timeSchema.optional(),
    sample: attackSampleSchema,
    classification: classificationSchema,
    reason: reasonSchema,
  })
  .meta({ id: 'Attack' });

export type AttackJson = z.infer<typeof attackSchema>;
export type ClassificationJson = z.infer<typeof classificationSchema>;
export type AttackReasonJson = z.infer<typeof reasonSchema>;

/** `ban` is the one that answers the attack; `config` is the one in force. */
export function attackJson({ attack, ban }: { attack: Attack; ban: Ban | undefined }, config: Config): AttackJson {
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
    rate_error: roundRate(attack.rateError),
    peak: roundRate(attack.peakRate),
    threshold: attack.threshold,
    rates: ratesJson(attack.rates),
    active: attack.active,
    ban_state: ban?.state,
    method: ban?.method,
    route: ban === undefined || ban.routes.length === 0 ? undefined : routeSummary(ban),
    flowspec: flowspecJson(ban?.routes ?? []),
    dry_run: ban?.dryRun ?? config.dryRun,
    started_at: toRfc3339(attack.startedAt),
    ended_at: optionalTime(attack.endedAt),
    sample: attackSampleJson(attack.sample),
    classification: classificationJson(attack.classification),
    reason: reasonJson(attack.reason),
  };
}

export function classificationJson({ type, confidence, srcPort }: Classification): ClassificationJson {
  return { type, confidence: roundRate(confidence), src_port: srcPort };
}

function reasonJson({ text, thresholdSource, shares }: AttackReason): AttackReasonJson {
  const { tcp, udp, icmp, other } = shares;
  return {
    text,
    threshold_source: thresholdSource,
    shares: { tcp: roundRate(tcp), udp: roundRate(udp), icmp: roundRate(icmp), other: roundRate(other) },
  };
}

/** What happened to an attack, in JSON, oldest first. */
export const timelineEntrySchema = z
  .object({
    at: timeSchema,
    event: z.string().describe('such as attack_started, ban_started, ban_confirmed, ban_ended'),
    code: z.string().optional().describe('the safety rule that refused a ban, what ended it, how it changed'),
    detail: z.string().describe('for a person'),
  })
  .meta({ id: 'TimelineEntry' });

export type TimelineEntryJson = z.infer<typeof timelineEntrySchema>;

/** From an entry in memory, or one that was read from history. */
export function timelineEntryJson({
  at,
  event,
  code,
  detail,
}: Omit<TimelineEntry, 'event'> & { event: string }): TimelineEntryJson {
  return { at: toRfc3339(at), event, code: code === '' ? undefined : code, detail };
}
