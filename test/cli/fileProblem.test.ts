import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { decodeCommand } from '../../src/cli/decodeCommand.ts';
import { fileProblem } from '../../src/cli/fileProblem.ts';
import { runInProcess } from './commandRun.ts';

test('a file that cannot be read is told in words, and without what Node calls it', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-file-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [file, why] of [
    [path.join(folder, 'gone.pcap'), 'there is no such file (ENOENT)'],
    [folder, 'it is a directory, not a file (EISDIR)'],
  ]) {
    const { code, stdout, stderr } = await runInProcess(decodeCommand, [file]);
    assert.deepEqual([code, stdout, stderr], [1, '', `kapkan: ${file}: ${why}\n`]);
  }
});

test('an error of the file system that has no words of its own is named by its code, and others are none', () => {
  assert.equal(
    fileProblem(Object.assign(new Error('x'), { syscall: 'open', code: 'ELOOP' })),
    'it cannot be read (ELOOP)',
  );
  assert.equal(fileProblem(new Error('x')), undefined);
  assert.equal(fileProblem('x'), undefined);
});
