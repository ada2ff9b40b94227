/*
 * `npm run bench`: every figure in one table, each beside something measured in the same run.
 * `--short` takes less time and is less exact; `--json` prints one object a row; `--peers` runs other collectors, where
 * they are installed, on the same datagrams.
 */
import { parseArgs } from 'node:util';
import { type BenchRow, benchDecode } from './decodeBench.ts';
import { benchEngine } from './engineBench.ts';
import { benchHistory } from './historyBench.ts';
import { benchOverload } from './overloadBench.ts';
import { installedPeers } from './peers.ts';
import { benchReceiver } from './receiverBench.ts';
import { benchRoutes } from './routeBench.ts';
import { benchStart } from './startBench.ts';
import { benchUdp } from './udpBench.ts';

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
  },
});

const NUMBER = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 });

function print(rows: readonly BenchRow[]): void {
  for (const row of rows) {
    if (options.json) {
      console.log(JSON.stringify(row));
      continue;
    }
    const ratio = row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} × ${row.against}`;
    console.log(
      `${row.name.padEnd(72)} ${NUMBER.format(row.value).padStart(12)} ${row.unit.padEnd(32)} ${ratio}`.trimEnd(),
    );
  }
}

print(await benchStart(options.short));
// The sockets before the rest, on a machine that the others have not heated yet.
print(await benchUdp(options.short, options.peers ? installedPeers() : []));
print(benchDecode());
print(benchEngine());
print(benchReceiver(options.short));
print(await benchHistory(options.short));
print(await benchRoutes(options.short));
print(await benchOverload());
