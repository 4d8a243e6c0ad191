/**
 * Owns the guess at what a person meant: the candidate with the fewest edits. Pure; any thread.
 */

/** The candidate nearest to `word` by edit distance, case ignored. `candidates` must not be empty. */
export function nearest(word: string, candidates: readonly string[]): string {
  const lower = word.toLowerCase();
  const ranked = candidates.map((candidate) => ({
    candidate,
    edits: distance(lower, candidate.toLowerCase()),
  }));
  ranked.sort((a, b) => a.edits - b.edits);
  const first = ranked[0];
  if (first === undefined) throw new RangeError('find the nearest word: got no candidates');
  return first.candidate;
}

/** Optimal string alignment: insert, delete, replace and swap of neighbours cost one each. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_unused, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
