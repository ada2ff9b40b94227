/*
 * A process that saves bans until something stops it: argv is the state directory, how many bans make a save, and how
 * many bytes of comment each carries. It prints the number of each save once that has returned, so what was printed was
 * promised; or why a save failed, and continues.
 */
import { writeSync } from 'node:fs';
import { messageOf } from '../../src/errors.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { banOf } from '../fixtures/banFixture.ts';

const [directory, bansText, bytesText] = process.argv.slice(2);
const store = new SqliteBanStore(directory);
const comment = 'x'.repeat(Number(bytesText));

for (let save = 0; save < 100_000; save++) {
  const bans = Array.from({ length: Number(bansText) }, (_, index) =>
    banOf({ id: `${save}/${index}`, rate: save, comment }),
  );
  try {
    store.save(bans);
    writeSync(1, `saved ${save}\n`);
  } catch (error) {
    writeSync(1, `failed ${save}: ${messageOf(error)}\n`);
    break;
  }
}
// Kept open: the test reads the directory while a daemon uses it.
setInterval(() => undefined, 60_000);
