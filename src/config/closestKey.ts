/*
 * "Did you mean": the known key that a mistyped one is nearest to.
 */

/**
 * The candidate at the smallest edit distance, if that is small for the length of the word, or one it is the start of.
 */
export function closestKey(word: string, candidates: readonly string[]): string | undefined {
  // A key of thousands of characters is no typing mistake, and comparing it would take long.
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.floor(word.length / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(normalized(word), normalized(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? candidates.find((candidate) => word.length > 1 && candidate.startsWith(word));
}

/** `dryRun`, `dry-run` and `DRY_RUN` are all one way of writing `dry_run`. */
function normalized(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Insertions, deletions and replacements that turn one word into the other (Levenshtein), row by row. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = previous[column - 1] + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column] + 1, current[column - 1] + 1));
    }
    previous = current;
  }
  return previous[to.length];
}
