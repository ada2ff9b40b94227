/*
 * `engine`: how many hosts are tracked.
 */
import * as z from 'zod';
import { integer } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

/** As many rows as the host table has (`engine/hostTable.ts`). */
const MOST_HOSTS = 2_097_152;

const keys = {
  engine: z
    .strictObject({
      max_hosts: integer(1, MOST_HOSTS)
        .default(1_000_000)
        .describe(
          'Hosts that each receiving thread tracks at most, up to 2097152, less than 400 bytes each; the busiest are kept',
        ),
    })
    .prefault({})
    .describe('Tracking hosts'),
};

export interface EngineConfig {
  /** Of each receiving thread. */
  readonly maxHosts: number;
}

export const engineSection = defineSection({
  keys,
  rules: [],
  resolve: ({ engine }: FileOf<typeof keys>): { readonly engine: EngineConfig } => ({
    engine: { maxHosts: engine.max_hosts },
  }),
  reload: 'live',
});
