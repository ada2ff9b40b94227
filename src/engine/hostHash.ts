/*
 * The hash of a host's address, for the host table: a signed number of 32 bits, of which the upper bits select the index
 * entry and the lower ones are the tag.
 *
 * Each word is mixed completely before the next one is added. So an attacker who chooses addresses inside a protected IPv6
 * prefix cannot make the differences of two words cancel each other without knowing the factors, which the seed gives.
 */
import { IPV4_MAPPED_WORD } from '../net/address.ts';

/** Of the four words of an address, most significant first, signed or unsigned. */
export type HostHash = (word0: number, word1: number, word2: number, word3: number) => number;

/** A copy, because an imported constant is read and checked at every use. */
const MAPPED_WORD = IPV4_MAPPED_WORD;

const MIX_FACTOR_1 = 0x7feb352d;
const MIX_FACTOR_2 = 0x846ca68b;

/** The hash of a secret seed, any 32 bits. */
export function hostHash(seed: number): HostHash {
  const start = mixed(seed, MIX_FACTOR_1, MIX_FACTOR_2);
  const factor1 = mixed(seed + 1, MIX_FACTOR_1, MIX_FACTOR_2) | 1;
  const factor2 = mixed(seed + 2, MIX_FACTOR_1, MIX_FACTOR_2) | 1;
  const ofThree = (word0: number, word1: number, word2: number): number => {
    const after0 = mixed(start ^ word0, factor1, factor2);
    const after1 = mixed(after0 ^ word1, factor1, factor2);
    return mixed(after1 ^ word2, factor1, factor2);
  };
  /** Of the words that all IPv4-mapped addresses begin with. */
  const ofMapped = ofThree(0, 0, MAPPED_WORD);
  return (word0, word1, word2, word3) => {
    const isMapped = (word0 | word1) === 0 && word2 === MAPPED_WORD;
    const before = isMapped ? ofMapped : ofThree(word0, word1, word2);
    return mixed(before ^ word3, factor1, factor2);
  };
}

/** 32 bits, each of which depends on all of the given ones; a bijection where the factors are odd. */
function mixed(given: number, factor1: number, factor2: number): number {
  let bits = Math.imul(given ^ (given >>> 16), factor1);
  bits = Math.imul(bits ^ (bits >>> 15), factor2);
  return bits ^ (bits >>> 16);
}
