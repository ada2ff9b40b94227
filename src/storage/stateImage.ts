/*
 * Reads the state file into memory, including its write-ahead log, where SQLite cannot open it: on a read-only or full
 * file system SQLite cannot create the files that it needs beside a database in WAL mode.
 *
 * The log (sqlite.org/fileformat2.html, section 4) has a header of 32 bytes and frames, each a header of 24 bytes and a
 * page. A frame is valid while its salts equal those of the header and the running checksum is right. Frames after the
 * last commit are ignored.
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** A daemon may write at the same time. Files that changed while they were read are read again. */
const ATTEMPTS = 5;

/** Throws what `node:fs` or SQLite throw. Changes nothing on the disk. */
export function openStateImage(file: string): DatabaseSync {
  const bytes = readWhole(realpathSync(file));
  // 1 says "no WAL" in the version fields of the header: SQLite has no log for a database in memory.
  bytes.fill(1, 18, 20);
  const db = new DatabaseSync(':memory:');
  try {
    db.deserialize(bytes);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function readWhole(file: string): Buffer {
  for (let attempt = 1; ; attempt++) {
    const before = versionOf(file);
    const bytes = readFileSync(file);
    const log = existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`) : Buffer.alloc(0);
    if (versionOf(file) === before || attempt === ATTEMPTS) return withLog(bytes, log);
  }
}

function versionOf(file: string): string {
  return [file, `${file}-wal`]
    .map((name) => statSync(name, { throwIfNoEntry: false, bigint: true }))
    .map((found) => `${found?.mtimeNs} ${found?.size}`)
    .join();
}

/** The database after all commits of the log. */
function withLog(database: Buffer, log: Buffer): Buffer {
  const magic = log.length < LOG_HEADER_BYTES ? 0 : log.readUInt32BE(0);
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return database;
  const pageBytes = log.readUInt32BE(8);
  const bigEndian = magic === 0x377f0683;
  let sum = checksum(log.subarray(0, 24), [0, 0], bigEndian);
  if (!sumIsAt(log, 24, sum)) return database;
  const pending = new Map<number, Buffer>();
  const pages = new Map<number, Buffer>();
  let pageCount: number | undefined;
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  for (let at = LOG_HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const sameSalts = log.compare(log, 16, 24, at + 8, at + 16) === 0;
    const page = log.subarray(at + FRAME_HEADER_BYTES, at + frameBytes);
    sum = checksum(page, checksum(log.subarray(at, at + 8), sum, bigEndian), bigEndian);
    if (!sameSalts || !sumIsAt(log, at + 16, sum)) break;
    pending.set(log.readUInt32BE(at), page);
    const committedPages = log.readUInt32BE(at + 4);
    if (committedPages === 0) continue;
    pageCount = committedPages;
    for (const [number, content] of pending) pages.set(number, content);
    pending.clear();
  }
  if (pageCount === undefined) return database;
  const whole = Buffer.alloc(pageCount * pageBytes);
  database.copy(whole);
  for (const [number, page] of pages) if (number <= pageCount) page.copy(whole, (number - 1) * pageBytes);
  return whole;
}

function checksum(bytes: Buffer, [start0, start1]: readonly number[], bigEndian: boolean): [number, number] {
  let [s0, s1] = [start0, start1];
  for (let at = 0; at < bytes.length; at += 8) {
    s0 = (s0 + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + s1) >>> 0;
    s1 = (s1 + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + s0) >>> 0;
  }
  return [s0, s1];
}

function sumIsAt(log: Buffer, at: number, [s0, s1]: readonly number[]): boolean {
  return log.readUInt32BE(at) === s0 && log.readUInt32BE(at + 4) === s1;
}
