/*
 * `detection`: how rates are measured.
 */
import * as z from 'zod';
import { integer } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

const keys = {
  detection: z
    .strictObject({
      window_seconds: integer(1, 60).default(5).describe('Sliding window that rates are measured over, 1 to 60'),
    })
    .prefault({})
    .describe('Measuring rates'),
};

export interface DetectionConfig {
  readonly windowSeconds: number;
}

export const detectionSection = defineSection({
  keys,
  rules: [],
  resolve: ({ detection }: FileOf<typeof keys>): { readonly detection: DetectionConfig } => {
    return { detection: { windowSeconds: detection.window_seconds } };
  },
  reload: 'live',
});
