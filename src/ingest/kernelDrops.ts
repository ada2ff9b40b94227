/*
 * Datagrams that the kernel dropped because a socket's receive buffer was full. The program that owns the socket does not
 * see them, but Linux counts them in /proc/net/udp and /proc/net/udp6. On other systems the result is 0.
 *
 *   column  1 local_address   ADDRESS:PORT in hexadecimal
 *   last      drops           since the socket was opened
 */
import { readFile } from 'node:fs/promises';

const TABLES = ['/proc/net/udp', '/proc/net/udp6'];

/** Drops of every UDP socket in this network namespace that is bound to one of the ports. */
export async function readKernelDrops(ports: readonly number[]): Promise<number> {
  let drops = 0;
  for (const table of TABLES) {
    const text = await readFile(table, 'latin1').catch(() => '');
    drops += countKernelDrops(text, ports);
  }
  return drops;
}

/** The same from the text of one of the tables. Lines that cannot be read are skipped. */
export function countKernelDrops(table: string, ports: readonly number[]): number {
  let drops = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns.length < 3) continue;
    const port = Number.parseInt(columns[1].slice(columns[1].lastIndexOf(':') + 1), 16);
    const count = Number(columns[columns.length - 1]);
    if (ports.includes(port) && Number.isSafeInteger(count)) drops += count;
  }
  return drops;
}
