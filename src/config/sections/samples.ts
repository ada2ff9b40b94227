/*
 * `samples`: the recent flows that are kept to show what an attack consists of.
 */
import * as z from 'zod';
import { flag, integer } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

const keys = {
  samples: z
    .strictObject({
      enabled: flag().default(true).describe('Keep recent flows, to show what an attack consists of'),
      buffer_flows: integer(1, 1_048_576).default(65_536).describe('Newest flows kept, at most 1048576'),
      flows_per_attack: integer(0, 1000).default(20).describe('Flows shown with an attack'),
    })
    .prefault({})
    .describe('Flow samples of attacks'),
};

export interface SamplesConfig {
  readonly enabled: boolean;
  readonly bufferFlows: number;
  readonly flowsPerAttack: number;
}

export const samplesSection = defineSection({
  keys,
  rules: [],
  resolve: ({ samples }: FileOf<typeof keys>): { readonly samples: SamplesConfig } => ({
    samples: {
      enabled: samples.enabled,
      bufferFlows: samples.buffer_flows,
      flowsPerAttack: samples.flows_per_attack,
    },
  }),
  reload: {
    samples: {
      enabled: ({ samples }) => samples.enabled,
      buffer_flows: ({ samples }) => samples.bufferFlows,
      flows_per_attack: ({ samples }) => samples.flowsPerAttack,
    },
  },
});
