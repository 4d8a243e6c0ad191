/** Runs cases one after the other and tells each outcome. */
import { Failure } from '../peer/failure.ts';
import { nowMs } from '../peer/time.ts';
import type { Encoding } from '../wire/types.ts';
import { audit, violationText } from './audit.ts';
import type { Case } from './case.ts';
import { StartFailed } from './own-server.ts';
import { Servers } from './servers.ts';
import type { Stage } from './stage.ts';
import { type Outcome, Unfit } from './types.ts';

/** What to run and whom to tell. */
export interface RunOptions {
  readonly cases: readonly Case[];
  readonly encodings: readonly Encoding[];
  /** Empty: servers of our own. */
  readonly urls: readonly string[];
  onStart(one: Case, encoding: Encoding): void;
  onProgress(text: string): void;
  onOutcome(outcome: Outcome): void;
}

const TAIL = 12;
const CONNECTIONS_SHOWN = 8;

/** Runs all; the outcomes in the order of running. */
export async function runCases(options: RunOptions): Promise<Outcome[]> {
  const servers = new Servers(options.urls, options.onProgress);
  const jobs = options.cases.flatMap((one) =>
    options.encodings.map((encoding) => ({ one, encoding })),
  );
  const outcomes: Outcome[] = [];
  try {
    for (const [i, { one, encoding }] of jobs.entries()) {
      options.onStart(one, encoding);
      const outcome = await runCase(one, encoding, servers);
      options.onOutcome(outcome);
      outcomes.push(outcome);
      await servers.release(jobs.slice(i + 1).map((job) => job.one));
    }
  } finally {
    await servers.release([]);
  }
  return outcomes;
}

async function runCase(one: Case, encoding: Encoding, servers: Servers): Promise<Outcome> {
  const begun = nowMs();
  let stage: Stage | undefined;
  const { number, name } = one;
  const base = { number, name, encoding, frames: {} };
  try {
    stage = await servers.stage(one, encoding);
    const note = await one.run(stage);
    const violations = audit(stage.connections);
    if (violations.length > 0)
      throw new Failure(violations.slice(0, 5).map(violationText).join('; '));
    return { ...base, status: 'passed', tookMs: nowMs() - begun, note: note ?? '' };
  } catch (error) {
    if (error instanceof StartFailed) throw error;
    const tookMs = nowMs() - begun;
    if (error instanceof Unfit)
      return { ...base, status: error.status, tookMs, note: error.message };
    const note = error instanceof Failure ? error.message : String((error as Error).stack);
    return { ...base, status: 'failed', tookMs, note, frames: tailsOf(stage) };
  } finally {
    await stage?.clear();
  }
}

/** The last frames of the last connections. */
function tailsOf(stage: Stage | undefined): Record<string, readonly string[]> {
  const out: Record<string, readonly string[]> = {};
  const shown = stage?.connections.slice(-CONNECTIONS_SHOWN) ?? [];
  for (const [i, connection] of shown.entries())
    out[`${i + 1} ${connection.client} (end: ${connection.end?.code ?? 'open'})`] =
      connection.tail(TAIL);
  return out;
}
