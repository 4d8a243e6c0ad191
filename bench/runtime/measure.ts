/**
 * Owns how the JavaScript sides of bench:runtime measure: the loop around a batch, memory after a collection, and the one line of
 * JSON that a subject prints. The same method as erlang/measure.erl. Subject processes only, which run with --expose-gc.
 */

/** One measured stretch: how many operations took how long, by the clock and of the CPU (all threads of the process). */
export interface Sample {
  readonly ops: number;
  readonly ns: number;
  readonly cpuNs: number;
}

/** Times itself, so that what it prepares and clears away is not in it. */
export type Batch = () => Promise<Sample>;

/** What a subject prints: time per operation, or memory per actor, or several figures of the lanes. */
export type Figures = Readonly<Record<string, number>>;

/** The scenarios of one side: each sets itself up and gives its batch, or its figures straight away. */
export type Subject = Readonly<Record<string, () => Promise<Batch | Figures>>>;

declare const gc: (() => void) | undefined;

/** Runs `ops` operations once, from the call until `run` resolves. */
export async function timed(ops: number, run: () => Promise<void>): Promise<Sample> {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  await run();
  const ns = Math.max(1, Number(process.hrtime.bigint() - start));
  const { user, system } = process.cpuUsage(cpu);
  return { ops, ns, cpuNs: (user + system) * 1000 };
}

/** A promise with its resolve function: how an actor tells the measuring code that a batch is through. */
export function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Bytes in use after a full collection: heap, and memory outside of it that objects hold. */
export function usedBytes(): number {
  if (gc === undefined) throw new Error('measure: run with --expose-gc');
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Lets everything run that is due now. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Under load a process gets so much less than its share at most. */
const STARVED = 10;

/**
 * Repeats the batch until its measured parts have used `ms` of CPU, so that a busy machine does not cut the warm-up short; the
 * garbage of one batch is not charged to the next.
 */
async function repeat(batch: Batch, ms: number): Promise<Sample> {
  let [ops, ns, cpuNs] = [0, 0, 0];
  while (cpuNs < ms * 1e6 && ns < STARVED * ms * 1e6) {
    const sample = await batch();
    ops += sample.ops;
    ns += sample.ns;
    cpuNs += sample.cpuNs;
    gc?.();
  }
  return { ops, ns, cpuNs };
}

/**
 * The program of a subject: `SUBJECT.ts SCENARIO WARM_MS WINDOW_MS`. Prints one line of JSON and ends the process.
 */
export async function runSubject(subject: Subject): Promise<void> {
  const [scenario = '', warm, window] = process.argv.slice(2);
  const setup = subject[scenario];
  if (setup === undefined) throw new Error(`subject: scenario: got ${scenario}`);
  const ready = await setup();
  let figures: Figures;
  if (typeof ready === 'function') {
    await repeat(ready, Number(warm));
    const { ops, ns, cpuNs } = await repeat(ready, Number(window));
    figures = { ns: ns / ops, cpuNs: cpuNs / ops };
  } else figures = ready;
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}
