/*
 * The sections of the config file about what is done against an attack, each in two forms: for the whole file, with
 * defaults, and for a hostgroup, where every key may be absent and then comes from the whole file's section.
 */
import * as z from 'zod';
import {
  choice,
  community,
  flag,
  integer,
  list,
  nextHop,
  number,
  positiveUpTo,
  seconds,
  UINT32_MAX,
} from './fields.ts';

export const mitigationSchema = choice(['blackhole', 'flowspec', 'divert', 'none']).describe(
  'What is announced for a host under attack: blackhole, flowspec, divert or none',
);

/** More Mbit/s than any router forwards; far above it the rate would not fit the FlowSpec action's float. */
const MAX_RATE_MBPS = 10_000_000;

const flowspecKeys = {
  action: choice(['discard', 'rate_limit']).describe('What a FlowSpec rule does with what it matches'),
  rate_mbps: positiveUpTo(MAX_RATE_MBPS).describe('What a rate_limit lets pass, in megabits (10^6 bits) a second'),
  source_anchored: flag().describe('Also pin the dominant attackers, where they make up enough of the sample'),
  min_source_concentration: number(0, 1).describe(
    'Share of the sample that the dominant attackers must make up, 0 to 1',
  ),
};

export const flowspecSchema = z
  .strictObject({
    action: flowspecKeys.action.default('discard'),
    rate_mbps: flowspecKeys.rate_mbps.optional(),
    source_anchored: flowspecKeys.source_anchored.default(false),
    min_source_concentration: flowspecKeys.min_source_concentration.default(0.8),
    max_rules: integer(1, 1_000_000)
      .optional()
      .describe('Most FlowSpec rules announced at once, the smallest limit of your routers; absent is no cap'),
  })
  .prefault({})
  .describe('FlowSpec rules (RFC 8955)');

export const groupFlowspecSchema = z.strictObject(flowspecKeys).partial().describe('FlowSpec rules for this group');

const localPref = integer(0, UINT32_MAX).describe('LOCAL_PREF of the announced routes');
const communities = list(community()).describe('Communities of the announced routes');

const scrubbingKeys = {
  next_hop: nextHop(4).describe('IPv4 next hop of the scrubbing centre'),
  next_hop6: nextHop(6).describe('IPv6 next hop of the scrubbing centre'),
  communities,
  local_pref: localPref,
};

export const scrubbingSchema = z
  .strictObject(scrubbingKeys)
  .partial()
  .describe('Where diverted traffic goes; required to divert');

export const groupScrubbingSchema = scrubbingSchema.describe('Where the diverted traffic of this group goes');

export const escalationSchema = list(
  z
    .strictObject({
      after_seconds: seconds(0).describe('Seconds since the attack began'),
      action: choice(['none', 'flowspec', 'divert', 'blackhole']).describe('What is announced from then on'),
    })
    .describe('One rung'),
)
  .max(5, { error: 'must have at most 5 rungs' })
  .describe('Ladder that an attack climbs while it lasts, at most 5 rungs, the first at 0; supersedes mitigation');

const banKeys = {
  ttl_seconds: seconds().describe('Every announcement ends after this, unless the attack is still being seen'),
  unban_hysteresis_seconds: seconds().describe('Quiet time before an attack has ended'),
  max_active_bans: integer(1, 1_000_000).describe('Most bans at once'),
  max_banned_fraction: positiveUpTo(1).describe(
    'Largest share of the protected addresses of one family banned at once',
  ),
  max_bans_per_window: integer(1, 1_000_000).describe('Most new bans within ban_window_seconds'),
  ban_window_seconds: seconds().describe('Window of max_bans_per_window'),
  fallback: choice(['blackhole', 'none']).describe('What is done where FlowSpec or divert can be announced to no peer'),
};

export const banSchema = z
  .strictObject({
    ttl_seconds: banKeys.ttl_seconds,
    unban_hysteresis_seconds: banKeys.unban_hysteresis_seconds.default(60),
    max_active_bans: banKeys.max_active_bans,
    max_banned_fraction: banKeys.max_banned_fraction.optional(),
    max_bans_per_window: banKeys.max_bans_per_window.optional(),
    ban_window_seconds: banKeys.ban_window_seconds.default(60),
    fallback: banKeys.fallback.default('blackhole'),
    on_shutdown: choice(['keep', 'withdraw'])
      .default('keep')
      .describe('keep leaves the routes in GoBGP for the next start to adopt, withdraw removes them'),
  })
  .describe('Bounds of everything announced');

export const groupBanSchema = z
  .strictObject(banKeys)
  .partial()
  .describe('Bounds for this group; the caps count its own bans and hold beside the global ones');

const bgpKeys = {
  next_hop: nextHop(4).describe('IPv4 next hop of blackhole routes, discarded by your routers'),
  next_hop6: nextHop(6).describe('IPv6 next hop of blackhole routes, discarded by your routers'),
  community: community().describe('The one community of blackhole routes; "blackhole" is 65535:666 (RFC 7999)'),
  communities: communities.describe('The communities of blackhole routes, instead of community'),
  local_pref: localPref,
};

export const bgpSchema = z
  .strictObject({
    next_hop: bgpKeys.next_hop.optional(),
    next_hop6: bgpKeys.next_hop6.prefault('100::1'),
    community: bgpKeys.community.optional(),
    communities: bgpKeys.communities.optional(),
    local_pref: bgpKeys.local_pref.optional(),
  })
  .describe('Attributes of blackhole routes; required once dry_run is false');

export const groupBgpSchema = z
  .strictObject(bgpKeys)
  .partial()
  .describe('Attributes of the blackhole routes of this group');
