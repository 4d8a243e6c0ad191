#!/usr/bin/env node
/**
 * The child process that builds driftway-audio, so that nothing of that happens in the server. By hand: `node native/audio/main.ts`.
 *
 * `--json`: each progress a line of JSON on standard output, the result the last one; ends when standard input does, since its parent
 * is gone then. `--variant NAME`; `--background`: lowest priority; `--no-install`: no apt.
 */
import { constants, setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { getAudio } from './get.ts';
import type { AudioProgress, AudioVariant } from './types.ts';

/** Tools end by their own signal; whoever does not within this is left behind. */
const STOP_MS = 5_000;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    variant: { type: 'string', default: 'process' },
    background: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
  },
});

if (values.background) setPriority(constants.priority.PRIORITY_LOW);
const controller = new AbortController();
const abort = () => {
  if (controller.signal.aborted) return;
  controller.abort();
  setTimeout(() => process.exit(1), STOP_MS).unref();
};
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, abort);
if (values.json) process.stdin.resume().on('end', abort).on('error', abort);

let last = '';
const tell = (progress: AudioProgress) => {
  if (values.json) process.stdout.write(`${JSON.stringify(progress)}\n`);
  else if (progress.step !== last) process.stderr.write(`driftway: ${progress.text}\n`);
  last = progress.step;
};
const result = await getAudio({
  variant: values.variant as AudioVariant,
  install: !values['no-install'],
  signal: controller.signal,
  tell,
});
const code = result.ok ? 0 : 1;
if (values.json) {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(code));
} else {
  const text = result.ok ? `driftway-audio is ${result.path}` : result.message;
  process.stderr.write(`driftway: ${text}\n`, () => process.exit(code));
}
