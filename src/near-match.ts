/** Finds what somebody meant to write. */

/** The one of `known` that is nearest to `word`, if it is near enough to be a misspelling. */
function nearMatch(word: string, known: readonly string[]): string | undefined {
  const near = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(1, Math.floor(word.length / 3)) ? near.candidate : undefined;
}

/** Levenshtein's distance with swaps of neighbours: how many letters to add, remove, change or swap. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/** The end of an «unknown …» message: what is known, and what was probably meant. */
export function knownOrNear(word: string, known: readonly string[]): string {
  const near = nearMatch(word, known);
  return `known: ${known.join(', ')}${near === undefined ? '' : `; did you mean '${near}'?`}`;
}
