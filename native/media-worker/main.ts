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
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChild } from '../build/index.ts';
import { getMediaWorker } from './get.ts';
import { workersFolder } from './place.ts';
import { binaryAddress } from './recipe.ts';
import type { MediaWorkerProgress, MediaWorkerResult } from './types.ts';

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

await runChild<MediaWorkerProgress, MediaWorkerResult>({
  isJson: values.json,
  isBackground: values.background,
  what: 'the media worker',
  get: (signal, tell) => {
    const given = values.given === undefined ? {} : { given: values.given };
    return getMediaWorker({ install: !values['no-install'], variant, signal, tell, ...given });
  },
  more: logTail,
});

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
