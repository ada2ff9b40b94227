/*
 * Flows of all kinds, for properties.
 */
import fc from 'fast-check';
import type { FlowFixture } from './accountingDriver.ts';

/** Few values of each field, so that flows have much in common. */
export const anyFlow = fc.record({
  to: fc.constantFrom('10.0.0.1', '2001:db8::1', '10.0.0.2', '203.0.113.9'),
  from: fc.oneof(
    fc.nat(5).map((n) => `198.51.100.${n}`),
    fc.nat(5).map((n) => `2001:db8:f::${n}`),
  ),
  packets: fc.integer({ min: 1, max: 50 }),
  bytes: fc.integer({ min: 64, max: 9000 }),
  sampling: fc.constantFrom(1, 100, 1000),
  protocol: fc.constantFrom(1, 6, 17),
  tcpFlags: fc.constantFrom(0, 2, 18),
  fragment: fc.boolean(),
  srcPort: fc.constantFrom(53, 123, 40_000),
  dstPort: fc.constantFrom(80, 443),
  exporter: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8:e::1'),
  inInterface: fc.constantFrom(0, 1, 17, 0xffff_fffe),
}) satisfies fc.Arbitrary<FlowFixture>;
