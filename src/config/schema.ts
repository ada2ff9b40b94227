/*
 * The config file: the one definition of what it may contain. Types, validation, JSON Schema and the texts that
 * explain a key all come from here. A key is in it only if it works.
 */
import * as z from 'zod';
import { address, flag, list, name, prefix } from './fields.ts';
import {
  banSchema,
  bgpSchema,
  escalationSchema,
  flowspecSchema,
  groupBanSchema,
  groupBgpSchema,
  groupFlowspecSchema,
  groupScrubbingSchema,
  mitigationSchema,
  scrubbingSchema,
} from './mitigationSchema.ts';
import { notifySchema } from './notifySchema.ts';
import { storageSchema } from './storageSchema.ts';
import { apiSchema, gobgpSchema } from './surfaceSchema.ts';
import {
  detectionSchema,
  groupThresholdsSchema,
  ingestSchema,
  listenSchema,
  samplesSchema,
  samplingSchema,
  thresholdsSchema,
} from './telemetrySchema.ts';

const hostgroupSchema = z
  .strictObject({
    name: name().describe('Unique; "global" is taken'),
    tenant: name().optional().describe('Whose hosts these are; tokens of that tenant see them; absent is nobody'),
    networks: list(prefix())
      .min(1, { error: 'must hold at least one prefix' })
      .describe('Prefixes within the protected networks; the longest that holds a host owns it'),
    thresholds: groupThresholdsSchema.optional(),
    mitigation: mitigationSchema.optional(),
    escalation: escalationSchema.optional(),
    ban: groupBanSchema.optional(),
    flowspec: groupFlowspecSchema.optional(),
    bgp: groupBgpSchema.optional(),
    scrubbing: groupScrubbingSchema.optional(),
  })
  .describe('Hosts that are treated differently; what is absent comes from the rest of the file');

export const fileSchema = z
  .strictObject(
    {
      dry_run: flag().default(true).describe('Only an explicit false lets anything be announced'),
      listen: listenSchema,
      networks: list(prefix())
        .min(1, { error: 'must hold at least one prefix' })
        .describe('Protected prefixes, IPv4 and IPv6, not overlapping; nothing outside them is ever announced'),
      protected_whitelist: list(prefix())
        .default([])
        .describe('Addresses or prefixes that are never announced, whatever happens'),
      thresholds: thresholdsSchema,
      detection: detectionSchema,
      tenant: name().optional().describe('Tenant of the group "global"; hostgroups do not inherit it'),
      hostgroups: list(hostgroupSchema).default([]).describe('Groups of hosts; the rest belong to the group "global"'),
      mitigation: mitigationSchema.default('blackhole'),
      escalation: escalationSchema.default([]),
      ban: banSchema,
      bgp: bgpSchema.optional(),
      flowspec: flowspecSchema,
      scrubbing: scrubbingSchema.optional(),
      gobgp: gobgpSchema,
      ingest: ingestSchema,
      flow_sources: list(address())
        .default([])
        .describe('Known exporters; only they get their own label in the metrics'),
      flow_sources_enforce: flag()
        .default(false)
        .describe('Drop and count telemetry from any other source, since a spoofed exporter could cause a ban'),
      sampling: samplingSchema,
      samples: samplesSchema,
      notify: notifySchema,
      storage: storageSchema,
      api: apiSchema,
    },
    { error: 'must be a mapping of keys to values' },
  )
  .describe('Configuration of Kapkan');

/** A file that has passed the schema, with its defaults and its texts read. */
export type FileConfig = z.output<typeof fileSchema>;

export type FileHostgroup = FileConfig['hostgroups'][number];
