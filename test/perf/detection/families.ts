/*
 * All families of scenarios, in the order in which they are printed.
 */

import { batched } from './families/batched.ts';
import { bursts } from './families/bursts.ts';
import { carpet } from './families/carpet.ts';
import { clients } from './families/clients.ts';
import { clocks } from './families/clocks.ts';
import { elephant } from './families/elephant.ts';
import { finished } from './families/finished.ts';
import { flood } from './families/flood.ts';
import { megabits } from './families/megabits.ts';
import { noise } from './families/noise.ts';
import { pulsed } from './families/pulsed.ts';
import { ramped } from './families/ramped.ts';
import { restarts } from './families/restarts.ts';
import { sampled } from './families/sampled.ts';
import { sampledFlows } from './families/sampledFlows.ts';
import { severalExporters } from './families/severalExporters.ts';
import { synFlood } from './families/synFlood.ts';
import { varied } from './families/varied.ts';
import { windows } from './families/windows.ts';
import type { Family } from './scenario.ts';

export const FAMILIES: readonly Family[] = [
  flood,
  elephant,
  finished,
  clients,
  varied,
  pulsed,
  ramped,
  synFlood,
  megabits,
  bursts,
  carpet,
  sampled,
  sampledFlows,
  noise,
  severalExporters,
  batched,
  windows,
  restarts,
  clocks,
];
