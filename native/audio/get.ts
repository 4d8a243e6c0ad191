/**
 * Owns the way to the programs: the cache, or a build with Debian's libraries. One process at a time per address. Child process of a
 * build only.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  accept,
  aptLine,
  canInstall,
  getOnce,
  installPackages,
  keepNewest,
  missingPackages,
  type NeededPackage,
  runTool,
} from '../build/index.ts';
import { audioFolder, cachedAudio } from './place.ts';
import { binaryAddress, ninjaFile, OURS, PROGRAMS, RNNOISE_WASM, versionHeader } from './recipe.ts';
import type { AudioFault, AudioProgress, AudioResult, AudioVariant } from './types.ts';

/** Older binaries that stay beside the present ones, for other clones and for going back. */
const KEPT = 12;
/** ninja's status line, set by NINJA_STATUS below. */
const PROGRESS = /^@(\d+)\/(\d+) /;
const VERSION_TIMEOUT_MS = 10_000;

/** All in Debian's main section since Debian 12. */
const NEEDED: readonly NeededPackage[] = [
  { package: 'g++', provides: 'g++' },
  { package: 'ninja-build', provides: 'ninja' },
  { package: 'libopus-dev', provides: '/usr/include/opus/opus.h' },
  { package: 'libogg-dev', provides: '/usr/include/ogg/ogg.h' },
  { package: 'libspeexdsp-dev', provides: '/usr/include/speex/speex_preprocess.h' },
  {
    package: 'libwebrtc-audio-processing-dev',
    provides:
      '/usr/include/webrtc_audio_processing/webrtc/modules/audio_processing/include/audio_processing.h',
  },
];

/** What the child process is asked for. */
export interface Wish {
  readonly variant: AudioVariant;
  readonly install: boolean;
  readonly signal: AbortSignal;
  readonly tell: (progress: AudioProgress) => void;
}

interface Work extends Wish {
  /** Kept when a build fails or is interrupted, so that the next one goes on from there. */
  readonly folder: string;
  /** File that all tools write to. */
  readonly log: string;
}

type Step = { readonly ok: true } | (AudioResult & { readonly ok: false });

/** Gets the programs. Rejects only for bugs. */
export async function getAudio(wish: Wish): Promise<AudioResult> {
  wish.tell({ step: 'looking', text: 'looking for driftway-audio' });
  const folder = audioFolder();
  const waiting = () =>
    wish.tell({
      step: 'waiting',
      text: 'waiting for another process, which builds driftway-audio',
    });
  return getOnce({
    ...{ folder, name: binaryAddress(wish.variant), what: 'driftway-audio' },
    cached: () => cachedAudio(wish.variant),
    onWait: waiting,
    make: () => make(folder, wish),
  });
}

async function make(folder: string, wish: Wish): Promise<AudioResult> {
  const address = binaryAddress(wish.variant);
  const work: Work = {
    ...wish,
    folder: join(folder, `${address}.build`),
    log: join(folder, `${address}.log`),
  };
  await mkdir(work.folder, { recursive: true });
  await writeFile(work.log, `driftway-audio (${wish.variant}), ${address}\n`);
  for (const step of [ensureTools, layOut, compile, tryOut]) {
    const outcome = await step(work);
    if (!outcome.ok) return outcome;
  }
  return keep(folder, address, work);
}

async function ensureTools(work: Work): Promise<Step> {
  if (!existsSync('/usr/bin/apt-get')) {
    return failed(
      'unsupported',
      'recording and mixing need driftway-audio, and building it needs Debian or Ubuntu (apt)',
    );
  }
  const missing = missingPackages(NEEDED);
  if (missing.length === 0) return { ok: true };
  if (!work.install || !canInstall()) return failed('tools', missingSentence(missing));
  work.tell({ step: 'installing', text: `installing ${missing.join(', ')} (apt)` });
  await installPackages(missing, { cwd: work.folder, log: work.log, signal: work.signal });
  const left = missingPackages(NEEDED);
  return left.length === 0 ? { ok: true } : failed('tools', missingSentence(left));
}

/** What a person is told to do. */
export function missingSentence(missing: readonly string[]): string {
  return `recording and mixing need libraries to build driftway-audio: run \`${aptLine(missing)}\` as root and start again`;
}

async function layOut({ folder, variant }: Work): Promise<Step> {
  const links = { src: join(OURS, 'src'), test: join(OURS, 'test'), 'rnnoise.wasm': RNNOISE_WASM };
  for (const [name, target] of Object.entries(links)) {
    await rm(join(folder, name), { recursive: true, force: true });
    await symlink(target, join(folder, name));
  }
  await mkdir(join(folder, 'generated'), { recursive: true });
  await writeFile(join(folder, 'generated', 'version.hpp'), versionHeader());
  await writeFile(join(folder, 'build.ninja'), ninjaFile(variant));
  return { ok: true };
}

async function compile(work: Work): Promise<Step> {
  work.tell({ step: 'compiling', text: 'compiling driftway-audio', share: 0 });
  const result = await runTool({
    command: 'ninja',
    args: ['-j', String(availableParallelism())],
    cwd: work.folder,
    log: work.log,
    signal: work.signal,
    env: { NINJA_STATUS: '@%f/%t ' },
    onLine: (line) => {
      const [, done, total] = PROGRESS.exec(line) ?? [];
      if (done === undefined || total === undefined) return;
      const text = `compiling driftway-audio (${done} of ${total})`;
      work.tell({ step: 'compiling', text, share: Number(done) / Number(total) });
    },
  });
  if (result.ok) return { ok: true };
  if (work.signal.aborted) return failed('aborted', 'compiling driftway-audio: stopped');
  const last = result.tail.trim().split('\n').slice(-3).join(' / ');
  return failed(
    'build',
    `compiling driftway-audio failed; the log is ${work.log}; its last lines: ${last}`,
  );
}

/** The linker's libraries may be there and the loader's not: it is started once. */
async function tryOut(work: Work): Promise<Step> {
  work.tell({ step: 'testing', text: 'testing driftway-audio' });
  const program = PROGRAMS[work.variant][0] as string;
  const run = spawnSync(join(work.folder, program), ['--version'], {
    encoding: 'utf8',
    timeout: VERSION_TIMEOUT_MS,
  });
  if (run.status === 0 && run.stdout.startsWith('driftway-audio ')) return { ok: true };
  return failed('rejected', `${program} does not start: ${(run.stderr ?? '').trim().slice(-300)}`);
}

async function keep(folder: string, address: string, work: Work): Promise<AudioResult> {
  const draft = join(folder, `${address}.new`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft);
  for (const program of PROGRAMS[work.variant]) {
    await copyFile(join(work.folder, program), join(draft, program));
  }
  await accept(draft, folder, address);
  await rm(work.folder, { recursive: true, force: true });
  await keepNewest(folder, address, KEPT);
  return { ok: true, path: join(folder, address, PROGRAMS[work.variant][0] as string) };
}

function failed(code: AudioFault, message: string): AudioResult & { readonly ok: false } {
  return { ok: false, code, message };
}
