#!/usr/bin/env node
/**
 * The child process that builds driftway-audio, so that nothing of that happens in the server. By hand: `node native/audio/main.ts`.
 *
 * `--json`: each progress a line of JSON on standard output, the result the last one; ends when standard input does, since its parent
 * is gone then. `--variant NAME`; `--background`: lowest priority; `--no-install`: no apt.
 */
import { parseArgs } from 'node:util';
import { runChild } from '../build/index.ts';
import { getAudio } from './get.ts';
import type { AudioProgress, AudioResult, AudioVariant } from './types.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    variant: { type: 'string', default: 'process' },
    background: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
  },
});

await runChild<AudioProgress, AudioResult>({
  isJson: values.json,
  isBackground: values.background,
  what: 'driftway-audio',
  get: (signal, tell) => {
    const variant = values.variant as AudioVariant;
    return getAudio({ variant, install: !values['no-install'], signal, tell });
  },
});
