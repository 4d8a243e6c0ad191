#!/usr/bin/env node
/**
 * The child process that gets the media worker: downloads, builds and tests, so that nothing of that happens in the server. By hand:
 * `node native/launch.mjs media-worker`.
 *
 * `--json`: each progress a line of JSON on standard output, the result the last one; ends when standard input does, since its parent
 * is gone then. `--background`: lowest priority. `--no-install`: no apt. `--given PATH`: only tests that binary.
 * `--plain`: the build without our tuning.
 */
import { existsSync, readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getMediaWorker } from './get.ts';
import { workersFolder } from './place.ts';
import { binaryAddress } from './recipe.ts';
import type { MediaWorkerProgress, MediaWorkerResult } from './types.ts';

/** Tools end by their own signal; whoever does not within this is left behind. */
const STOP_MS = 5_000;
const TELL_EVERY_MS = 400;
const LOG_TAIL_LINES = 60;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    background: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    given: { type: 'string' },
    plain: { type: 'boolean', default: false },
  },
});

const variant = values.plain ? 'plain' : 'tuned';
let last: MediaWorkerProgress | undefined;
let lastMs = 0;

if (values.background) setPriority(constants.priority.PRIORITY_LOW);
const stop = stopping();
const result = await getMediaWorker({
  install: !values['no-install'],
  variant,
  signal: stop,
  tell: teller(),
  ...(values.given === undefined ? {} : { given: values.given }),
});
report(result);

function stopping(): AbortSignal {
  const controller = new AbortController();
  const abort = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    if (last?.step === 'waiting') process.exit(1); // for another process: nothing of ours runs
    setTimeout(() => process.exit(1), STOP_MS).unref();
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, abort);
  if (values.json) process.stdin.resume().on('end', abort).on('error', abort);
  return controller.signal;
}

/** Each new step at once; within a step a few lines a second, or one for each tenth for people. */
function teller(): (progress: MediaWorkerProgress) => void {
  return (progress) => {
    const isNewStep = progress.step !== last?.step || progress.share === 0;
    const tenth = (share: number | undefined) => Math.floor((share ?? 0) * 10);
    const isDue = values.json
      ? performance.now() - lastMs >= TELL_EVERY_MS
      : tenth(progress.share) !== tenth(last?.share);
    if (!isNewStep && !isDue) return;
    last = progress;
    lastMs = performance.now();
    if (values.json) process.stdout.write(`${JSON.stringify(progress)}\n`);
    else if (progress.step !== 'looking') process.stderr.write(`driftway: ${progress.text}\n`);
  };
}

/** Ends the process: the WebRTC stack of the self-test may have threads left. */
function report(outcome: MediaWorkerResult): void {
  const code = outcome.ok ? 0 : 1;
  if (values.json) {
    process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(code));
    return;
  }
  if (!outcome.ok) process.stderr.write(`driftway: ${outcome.message}\n${logTail(outcome.code)}`);
  else process.stderr.write(`driftway: the media worker is ${outcome.path}\n`);
  process.exit(code);
}

/** The end of the build's log, where it says more than the message. */
function logTail(code: string): string {
  const log = join(workersFolder(), `${binaryAddress(variant)}.log`);
  if (values.given !== undefined) return '';
  if (!['build', 'rejected', 'source', 'tools'].includes(code) || !existsSync(log)) return '';
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  return lines
    .slice(-LOG_TAIL_LINES)
    .map((line) => `  ${line}\n`)
    .join('');
}
