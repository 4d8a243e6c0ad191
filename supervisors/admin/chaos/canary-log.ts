/**
 * The judgement on one canary stream: what was acknowledged against what the log holds. Pure.
 */

/** An event of the log, as far as it matters here. */
export interface LoggedAppend {
  readonly seq: number;
  readonly nonce: string;
}

export interface LogVerdict {
  readonly lost: number;
  readonly repeated: number;
  readonly reordered: number;
}

/** The nonce of the append number `n`, 1, 2, ... */
export function nonceOf(run: string, n: number): string {
  return `canary-${run}-${n}`;
}

/**
 * `acknowledged`: seq by number of the append. `log`: the stream's events from before the first of them on, ascending. Appends were sent
 * one after another: each when the one before it was acknowledged.
 */
export function judgeLog(
  run: string,
  acknowledged: ReadonlyMap<number, number>,
  log: readonly LoggedAppend[],
): LogVerdict {
  const prefix = nonceOf(run, 0).slice(0, -1);
  const seqsOf = new Map<number, number[]>();
  let repeated = 0;
  let reordered = 0;
  let newest = 0;
  for (const { nonce, seq } of log) {
    if (!nonce.startsWith(prefix)) continue;
    const n = Number(nonce.slice(prefix.length));
    const seqs = seqsOf.get(n);
    if (seqs === undefined) {
      seqsOf.set(n, [seq]);
      if (n < newest) reordered += 1;
      newest = Math.max(newest, n);
    } else {
      seqs.push(seq);
      repeated += 1;
    }
  }
  let lost = 0;
  for (const [n, seq] of acknowledged) if (seqsOf.get(n)?.includes(seq) !== true) lost += 1;
  return { lost, repeated, reordered };
}
