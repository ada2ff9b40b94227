/*
 * Attacks in JSON as history gives them back. What an older Kapkan stored is brought into today's shape.
 */
import { z } from 'zod';
import { type AttackJson, attackSchema } from './attackJson.ts';
import { attackSampleSchema, protocolKey } from './attackSampleJson.ts';

/** Earlier editions did not say where the traffic enters, nor how exact a rate is. */
const { top_exporters, top_interfaces } = attackSampleSchema.shape;
const storedSchema = attackSchema.extend({
  rate_error: attackSchema.shape.rate_error.default(0),
  sample: attackSampleSchema.extend({
    top_exporters: top_exporters.default([]),
    top_interfaces: top_interfaces.default([]),
  }),
});

/** Where the first edition wrote something else: sentences for objects, and protocols by number. */
const firstEditionSchema = z.looseObject({
  rate: z.number(),
  flowspec: z.array(z.unknown()),
  reason: z.unknown(),
  sample: z.looseObject({
    flows: z.array(z.looseObject({ ip_proto: z.number().optional() })),
    protocols: z.array(z.looseObject({ key: z.string() })),
  }),
});

/** Undefined where the text is no attack: it was too long to be stored, or is damaged. */
export function storedAttack(text: string): AttackJson | undefined {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    return undefined;
  }
  const today = storedSchema.safeParse(stored);
  if (today.success) return today.data;
  const old = firstEditionSchema.safeParse(stored);
  return old.success ? storedSchema.safeParse(converted(old.data)).data : undefined;
}

function converted({ reason, flowspec, sample, ...rest }: z.infer<typeof firstEditionSchema>) {
  return {
    ...rest,
    peak: rest.rate,
    reason: { text: String(reason), threshold_source: 'static', shares: { tcp: 0, udp: 0, icmp: 0, other: 0 } },
    flowspec: flowspec.map((rule) => ruleOfText(String(rule))),
    sample: {
      ...sample,
      flows: sample.flows.map((flow) => ({ ...flow, proto: protocolKey(String(flow.ip_proto)) })),
      protocols: sample.protocols.map((entry) => ({ ...entry, key: protocolKey(entry.key) })),
    },
  };
}

/** A rule ended in `discard` or `rate-limit N mbps`. */
function ruleOfText(text: string) {
  const limit = / rate-limit ([\d.]+) mbps$/.exec(text);
  return {
    text,
    action: limit === null ? 'discard' : 'rate_limit',
    rate_bytes: limit ? (Number(limit[1]) * 1e6) / 8 : 0,
  };
}
