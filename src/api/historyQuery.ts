/*
 * Query parameters that several endpoints over the history share, read and checked.
 */
import { z } from 'zod';
import { formatAddress, parseAddress } from '../net/address.ts';

/** A time, as clock milliseconds. */
export const timeParameter = z.iso
  .datetime({ offset: true, error: 'must be a time in RFC 3339, such as 2026-05-01T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .meta({ type: 'string', format: 'date-time' })
  .optional();

/** An address, as its canonical text. */
export const targetParameter = z
  .string()
  .transform((text, context) => {
    const address = parseAddress(text);
    if (address === undefined) context.addIssue('must be an IPv4 or IPv6 address');
    return address === undefined ? z.NEVER : formatAddress(address);
  })
  .meta({ type: 'string' })
  .optional()
  .describe('an address');

/** An integer of the query string. */
export function integerParameter(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(error).int(error).min(min, error).max(max, error);
}
