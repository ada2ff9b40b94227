import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Ban } from '../../src/mitigation/ban.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { readActiveBans } from './readActiveBans.ts';
import { stateDirectory } from './stateDirectory.ts';

const SAVING_PROCESS = path.join(import.meta.dirname, 'savingProcess.ts');
const BANS_A_SAVE = 7;

test('a daemon killed during a write loses nothing it had saved, and leaves no partial save and no lock', async (t) => {
  const directory = stateDirectory(t);
  for (let round = 0; round < 5; round++) {
    const child = savingProcess(t, directory, 100);
    const output = await outputUntil(child, (text) => count(text, 'saved') > 20 + round * 7);
    child.kill('SIGKILL');
    await once(child, 'close');

    const whileDead = readActiveBans(directory);
    assertWholeSaves(whileDead, count(output(), 'saved'));
    const store = new SqliteBanStore(directory);
    assert.deepEqual(store.loadActive(), whileDead);
    store.save(whileDead.map((ban): Ban => ({ ...ban, state: 'withdrawn', withdrawnAt: 1 })));
    store.close();
  }
});

test('the bans of a suspended daemon can be read, and it keeps its lock', async (t) => {
  const directory = stateDirectory(t);
  const child = savingProcess(t, directory, 100);
  const output = await outputUntil(child, (text) => count(text, 'saved') > 30);
  child.kill('SIGSTOP');
  const saved = count(output(), 'saved');
  assertWholeSaves(readActiveBans(directory), saved);
  assert.throws(() => new SqliteBanStore(directory), /another Kapkan daemon/);
});

test('a save that no longer fits on the disk throws and leaves what was saved before', async (t) => {
  const directory = stateDirectory(t);
  // A limit on the size of a file stands for the full disk: the write fails in the same place, and needs no root.
  const child = savingProcess(t, directory, 5_000, 'ulimit -f 2048; exec "$@"');
  const output = await outputUntil(child, (text) => text.includes('failed'));
  assert.match(output(), /failed \d+: cannot save 7 bans in .*kapkan\.db: /);
  const saved = count(output(), 'saved');
  assert.ok(saved > 0);
  assert.equal(readActiveBans(directory).length, saved * BANS_A_SAVE);
});

/** Every save whole, and none missing that was promised; one more may have been made and not yet printed. */
function assertWholeSaves(bans: readonly Ban[], promised: number): void {
  assert.equal(bans.length % BANS_A_SAVE, 0);
  const saves = bans.length / BANS_A_SAVE;
  assert.ok(saves === promised || saves === promised + 1, `${saves} saves found, ${promised} promised`);
}

function savingProcess(t: TestContext, directory: string, commentBytes: number, shell = 'exec "$@"'): ChildProcess {
  const command = [process.execPath, SAVING_PROCESS, directory, String(BANS_A_SAVE), String(commentBytes)];
  const child = spawn('sh', ['-c', shell, 'sh', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Waits until the output satisfies; the answer reads all there is by then. Fails when the process ends before. */
async function outputUntil(child: ChildProcess, satisfied: (text: string) => boolean): Promise<() => string> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (satisfied(text)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the process ended with ${code} after ${JSON.stringify(text)}`)));
  });
  return () => text;
}

function count(text: string, what: string): number {
  return text.split('\n').filter((line) => line.startsWith(what)).length;
}
