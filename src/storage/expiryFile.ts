/*
 * When the active bans end, in a file beside the database. A changed expiry is written in place, so it needs no space
 * on a full disk. A ban whose row in the database is damaged still has its target and its end here. Records are 64
 * bytes, little-endian:
 *
 *    0   4  CRC-32 of the other 60 bytes
 *    4   1  state: 0 free, 1 active, 2 ended
 *    5   1  1 for a dry-run ban
 *    8   8  first bytes of the SHA-256 of the ban's id
 *   16  16  target, four words
 *   32   8  expiry; of an ended ban its end       } epoch milliseconds,
 *   40   8  when this record was written          } float64
 *   48   8  when the attack was last seen, or NaN }
 *   56   8  milliseconds the ban lives without being seen
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { Ban } from '../mitigation/ban.ts';
import { createPrivateFile, requireRegularFile } from './stateDirectory.ts';

const RECORD_BYTES = 64;

/** How many records the file grows by. */
const CHUNK = 1024;

const FREE = 0;
const ACTIVE = 1;
const ENDED = 2;

export interface ExpiryRecord {
  /** `expiryKey` of the ban's id. */
  readonly key: string;
  readonly ended: boolean;
  readonly dryRun: boolean;
  /** Four words of the target's address. */
  readonly target: readonly number[];
  readonly expiresAt: number;
  readonly savedAt: number;
  readonly lastSeenAt: number | undefined;
  readonly lifeMs: number;
}

export function expiryFileOf(directory: string): string {
  return path.join(directory, 'kapkan.expiries');
}

export function expiryKey(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 16);
}

/** The record of a ban as it is, saved at `now`. */
export function expiryRecord(ban: Ban, now: number): ExpiryRecord {
  const { ttlSeconds, unbanHysteresisSeconds } = ban.plan;
  const life = ban.madeBy === 'operator' ? ttlSeconds : Math.max(ttlSeconds, unbanHysteresisSeconds);
  const { word0, word1, word2, word3 } = ban.target;
  return {
    key: expiryKey(ban.id),
    ended: ban.state !== 'active',
    dryRun: ban.dryRun,
    target: [word0, word1, word2, word3],
    expiresAt: ban.state === 'active' ? ban.expiresAt : (ban.withdrawnAt ?? now),
    savedAt: now,
    lastSeenAt: ban.lastSeenAt,
    lifeMs: life * 1000,
  };
}

/** Records by key. A damaged record is left out: the database has that ban too. Empty where there is no file. */
export function readExpiries(file: string): Map<string, ExpiryRecord> {
  requireRegularFile(file);
  const records = new Map<string, ExpiryRecord>();
  if (!existsSync(file)) return records;
  const bytes = readFileSync(file);
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const record = decode(bytes.subarray(at, at + RECORD_BYTES));
    if (record !== undefined) records.set(record.key, record);
  }
  return records;
}

/** The file, opened for writing by the daemon. */
export class ExpiryFile {
  readonly #descriptor: number;
  /** Slot of each ban's record. */
  readonly #slots = new Map<string, number>();
  #free: number[] = [];
  #size = 0;

  /** Opens the file and creates it where it is missing. Throws where that fails. */
  constructor(file: string) {
    createPrivateFile(file);
    this.#descriptor = openSync(file, 'r+');
    try {
      const bytes = readFileSync(this.#descriptor);
      this.#size = Math.floor(bytes.length / RECORD_BYTES);
      for (let slot = 0; slot < this.#size; slot++) {
        const record = decode(bytes.subarray(slot * RECORD_BYTES, (slot + 1) * RECORD_BYTES));
        if (record === undefined) this.#free.push(slot);
        else this.#slots.set(record.key, slot);
      }
      this.reserve(1);
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** Makes sure that `count` more bans have a slot. Throws where the disk has no space. */
  reserve(count: number): void {
    while (this.#free.length < count) {
      const chunk = Buffer.alloc(CHUNK * RECORD_BYTES, 0xff);
      const start = this.#size * RECORD_BYTES;
      let written = 0;
      while (written < chunk.length) written += writeSync(this.#descriptor, chunk, written, undefined, start + written);
      for (let i = 0; i < CHUNK; i++) this.#free.push(this.#size + i);
      this.#size += CHUNK;
    }
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  /** The records are on disk when it returns. Bans without a slot need a `reserve` before. */
  write(records: readonly ExpiryRecord[]): void {
    if (records.length === 0) return;
    for (const record of records) {
      const slot = this.#slots.get(record.key) ?? this.#free.pop();
      if (slot === undefined) throw new Error('no slot was reserved');
      this.#slots.set(record.key, slot);
      writeSync(this.#descriptor, encode(record), 0, RECORD_BYTES, slot * RECORD_BYTES);
    }
    fdatasyncSync(this.#descriptor);
  }

  /** Frees the slots of bans whose end is in the database. */
  free(keys: Iterable<string>): void {
    for (const key of keys) {
      const slot = this.#slots.get(key);
      if (slot === undefined) continue;
      writeSync(this.#descriptor, Buffer.alloc(RECORD_BYTES, 0xff), 0, RECORD_BYTES, slot * RECORD_BYTES);
      this.#slots.delete(key);
      this.#free.push(slot);
    }
  }

  keys(): string[] {
    return [...this.#slots.keys()];
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function encode(record: ExpiryRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes[4] = record.ended ? ENDED : ACTIVE;
  bytes[5] = record.dryRun ? 1 : 0;
  bytes.write(record.key, 8, 'hex');
  record.target.forEach((word, i) => {
    bytes.writeUInt32LE(word >>> 0, 16 + 4 * i);
  });
  bytes.writeDoubleLE(record.expiresAt, 32);
  bytes.writeDoubleLE(record.savedAt, 40);
  bytes.writeDoubleLE(record.lastSeenAt ?? Number.NaN, 48);
  bytes.writeDoubleLE(record.lifeMs, 56);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** Undefined where the record is free or damaged. */
function decode(bytes: Buffer): ExpiryRecord | undefined {
  if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4)) || bytes[4] === FREE) return undefined;
  const lastSeenAt = bytes.readDoubleLE(48);
  return {
    key: bytes.toString('hex', 8, 16),
    ended: bytes[4] === ENDED,
    dryRun: bytes[5] === 1,
    target: [0, 1, 2, 3].map((i) => bytes.readUInt32LE(16 + 4 * i)),
    expiresAt: bytes.readDoubleLE(32),
    savedAt: bytes.readDoubleLE(40),
    lastSeenAt: Number.isNaN(lastSeenAt) ? undefined : lastSeenAt,
    lifeMs: bytes.readDoubleLE(56),
  };
}
