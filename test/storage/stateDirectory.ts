/*
 * A state directory for one test, gone with it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

export function stateDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'kapkan-state-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
