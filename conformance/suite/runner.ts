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
  /** How long a case waits for an answer or an event, ms. Default 20,000. */
  readonly patienceMs?: number;
  onStart(one: Case, encoding: Encoding): void;
  onProgress(text: string): void;
  onOutcome(outcome: Outcome): void;
}

const TAIL = 12;
const VIOLATIONS_SHOWN = 5;
const CONNECTIONS_SHOWN = 8;

/** Runs all; the outcomes in the order of running. */
export async function runCases(options: RunOptions): Promise<Outcome[]> {
  const servers = new Servers(options);
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
      if (outcome.status === 'failed') await servers.abandon(one);
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
    const violations = violationsOf(stage);
    if (violations !== '') throw new Failure(violations);
    return { ...base, status: 'passed', tookMs: nowMs() - begun, note: note ?? '' };
  } catch (error) {
    if (error instanceof StartFailed) throw error;
    const tookMs = nowMs() - begun;
    if (error instanceof Unfit)
      return { ...base, status: error.status, tookMs, note: error.message };
    const why = error instanceof Failure ? error.message : String((error as Error).stack);
    const note = [...new Set([why, violationsOf(stage)])].filter((text) => text !== '').join('; ');
    return { ...base, status: 'failed', tookMs, note, frames: tailsOf(stage) };
  } finally {
    await stage?.clear();
  }
}

/** The first broken invariants in the logs so far, or an empty text. */
function violationsOf(stage: Stage | undefined): string {
  const found = audit(stage?.connections ?? []);
  return found.slice(0, VIOLATIONS_SHOWN).map(violationText).join('; ');
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
