/**
 * Owns the build tools of the media worker: which Debian packages it is built with, and getting them. Child process of a build only.
 */
import { existsSync } from 'node:fs';
import {
  aptLine,
  canInstall,
  installPackages,
  missingPackages,
  type NeededPackage,
} from '../build/index.ts';
import { failed, type Step, stepOf, type Work } from './work.ts';

/** All in Debian's main section since Debian 12. */
const NEEDED: readonly NeededPackage[] = [
  { package: 'g++', provides: 'g++' },
  { package: 'make', provides: 'make' },
  { package: 'ninja-build', provides: 'ninja' },
  { package: 'pkg-config', provides: 'pkg-config' },
  { package: 'dpkg-dev', provides: 'dpkg-source' },
  { package: 'flatbuffers-compiler', provides: 'flatc' },
  { package: 'libflatbuffers-dev', provides: '/usr/include/flatbuffers/flatbuffers.h' },
  { package: 'libuv1-dev', provides: '/usr/include/uv.h' },
  { package: 'libssl-dev', provides: '/usr/include/openssl/ssl.h' },
];

/** Makes sure of the build tools, installing what is missing if we may. */
export async function ensureTools(work: Work, install: boolean): Promise<Step> {
  if (!existsSync('/usr/bin/apt-get')) {
    return failed(
      'unsupported',
      'voice needs a media worker: none could be downloaded for this system, and building one needs Debian or Ubuntu (apt); set MEDIA_WORKER_BIN to a mediasoup-worker of your own',
    );
  }
  const missing = missingPackages(NEEDED);
  if (missing.length === 0) return { ok: true };
  if (!install || !canInstall()) return failed('tools', missingSentence(missing));
  work.tell({ step: 'installing', text: `installing ${missing.join(', ')} (apt)` });
  const result = await installPackages(missing, { ...work, cwd: work.folder });
  const left = missingPackages(NEEDED);
  if (left.length === 0) return { ok: true };
  const step = stepOf(result, 'tools', 'installing build tools', work);
  return step.ok ? failed('tools', missingSentence(left)) : step;
}

/** What a person is told to do. */
export function missingSentence(missing: readonly string[]): string {
  return `voice needs tools to build its media worker: run \`${aptLine(missing)}\` as root and start again`;
}
