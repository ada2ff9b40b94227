/*
 * `detection`: how rates are measured.
 */
import * as z from 'zod';
import { integer, number } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

const keys = {
  detection: z
    .strictObject({
      window_seconds: integer(1, 60).default(5).describe('Sliding window that rates are measured over, 1 to 60'),
      confidence: number(0, 3)
        .default(2)
        .describe(
          'Standard deviations by which a sampled estimate must be over its limit to open an attack, 0 to 3: 0 believes ' +
            'every estimate, 2 is wrong once in fifty',
        ),
    })
    .prefault({})
    .describe('Measuring rates'),
};

export interface DetectionConfig {
  readonly windowSeconds: number;
  /** Standard deviations. */
  readonly confidence: number;
}

export const detectionSection = defineSection({
  keys,
  rules: [],
  resolve: ({ detection }: FileOf<typeof keys>): { readonly detection: DetectionConfig } => {
    return { detection: { windowSeconds: detection.window_seconds, confidence: detection.confidence } };
  },
  reload: 'live',
});
