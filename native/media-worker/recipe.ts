/**
 * Owns what the built binary is made of: the ninja file, libsrtp's options, the patches and the compatibility headers, and the content address over all
 * of them. Pure but for reading files; cheap (some ms), since every server start asks for the address.
 *
 * All paths in the ninja file are relative to the build folder, where `worker` and `ours` are links to mediasoup's source and to this
 * folder: so clones share one address, and no path can hold a space.
 */
import { existsSync, readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentHash, hostIdentity } from '../build/index.ts';
import { patchesOf } from './patches.ts';
import type { MediaWorkerVariant } from './types.ts';

/** This folder. */
export const OURS = fileURLToPath(new URL('.', import.meta.url));
/** The mediasoup package. */
export const MEDIASOUP = fileURLToPath(new URL('../../node_modules/mediasoup', import.meta.url));

/** Our files that the compiler sees. */
const COMPILED = [
  'compat/ankerl/unordered_dense.h',
  'compat/srtp.h',
  'compat/prefix.hpp',
  'compat/compat-test.cpp',
];
const COMPILED_TUNED = ['tuning/openssl-memory.hpp', 'tuning/udp-batch.hpp'];

const COMPILE = [
  '-std=c++20',
  '-O3',
  '-w',
  '-fstack-protector-strong',
  '-D_FORTIFY_SOURCE=2',
  '-fno-plt',
  endianness() === 'LE' ? '-DMS_LITTLE_ENDIAN' : '-DMS_BIG_ENDIAN',
  '-DFLATBUFFERS_LOCALE_INDEPENDENT=1',
  // Voice needs no estimate of a link's bandwidth; the other choice brings libwebrtc and Abseil along.
  '-DMS_USE_BUILTIN_BWE',
  '-DMS_EXECUTABLE',
  '-Iours/compat',
  '-I.',
  '-Ifbs',
  '-Iworker/include',
];
/** What the processor must have for the level v3 of x86-64, by the names of /proc/cpuinfo. */
const V3 = 'avx avx2 bmi1 bmi2 f16c fma abm movbe';
/** Optimized over the borders of files, for this kind of processor. */
const TUNED = ['-O3', '-flto=auto', '-Iours/tuning', ...levelOf(cpuFlags())];
/** For libsrtp's `configure`. It would link as pkg-config says for static libraries, which wants more than the shared OpenSSL needs. */
export const LIBSRTP_OPTIONS: readonly string[] = [
  '--enable-openssl',
  '--quiet',
  'CFLAGS=-O3 -fPIC -fstack-protector-strong',
  'crypto_LIBS=-lcrypto',
];
const LINK = ['-Wl,-O1', '-Wl,--as-needed', '-Wl,-z,relro,-z,now', '-Wl,--strip-debug'];
const LIBRARIES = [
  'libsrtp/libsrtp2.a',
  '-l:libflatbuffers.a',
  '-luv',
  '-lssl',
  '-lcrypto',
  '-lpthread',
  '-ldl',
];

/** The pinned mediasoup's version. */
export function mediasoupVersion(): string {
  const { version } = JSON.parse(readFileSync(join(MEDIASOUP, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** The content address of the binary on this machine: changes with all that it is made of, and with nothing else. */
export function binaryAddress(variant: MediaWorkerVariant = 'tuned'): string {
  return contentHash([
    mediasoupVersion(),
    hostIdentity(),
    ninjaFile(variant),
    LIBSRTP_OPTIONS.join(' '),
    JSON.stringify(patchesOf(variant)),
    ...[...COMPILED, ...(variant === 'tuned' ? COMPILED_TUNED : [])].map((name) =>
      readFileSync(join(OURS, name), 'utf8'),
    ),
  ]);
}

/** The compiler's option for the highest level of x86-64 that is known here and that the processor has; none elsewhere. */
export function levelOf(flags: ReadonlySet<string>): string[] {
  return V3.split(' ').every((flag) => flags.has(flag)) ? ['-march=x86-64-v3'] : [];
}

function cpuFlags(): ReadonlySet<string> {
  if (process.arch !== 'x64' || !existsSync('/proc/cpuinfo')) return new Set();
  const [, flags = ''] = /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1')) ?? [];
  return new Set(flags.split(' '));
}

/** The names below `worker/` of the sources that mediasoup compiles, as its own meson.build lists them. */
export function workerSources(): string[] {
  const meson = readFileSync(join(MEDIASOUP, 'worker', 'meson.build'), 'utf8');
  const list = /common_sources = \[([^\]]*)\]/.exec(meson)?.[1] ?? '';
  return [...list.matchAll(/'([^']+\.cpp)'/g)].map(([, name]) => name!).concat('src/main.cpp');
}

function schemas(): string[] {
  const meson = readFileSync(join(MEDIASOUP, 'worker', 'fbs', 'meson.build'), 'utf8');
  return [...meson.matchAll(/'([A-Za-z]+\.fbs)'/g)].map(([, name]) => `worker/fbs/${name}`);
}

/** What ninja runs, in the build folder. */
export function ninjaFile(variant: MediaWorkerVariant): string {
  const isPatched = (name: string) => patchesOf(variant).some(({ file }) => file === name);
  const tuned = variant === 'tuned' ? TUNED : [];
  const edges = workerSources().map((name) => {
    const object = name.replace(/^src\//, 'object/').replace(/\.cpp$/, '.o');
    const source = isPatched(name) ? `patched/${name}` : `worker/${name}`;
    return { object, text: `build ${object}: cxx ${source} | prefix/prefix.hpp.gch` };
  });
  const objects = edges.map(({ object }) => object).join(' ');
  return `ninja_required_version = 1.5
cxxflags = ${[...COMPILE, ...tuned].join(' ')}
rule flatc
  command = flatc --cpp --cpp-field-case-style lower --reflect-names --scoped-enums --filename-suffix '' -o fbs/FBS $in && touch $out
  description = flatc
rule prefix
  description = c++ $in
  command = g++ $cxxflags -MMD -MF $out.d -x c++-header -c $in -o $out
  depfile = $out.d
  deps = gcc
rule cxx
  description = c++ $in
  command = g++ -Iprefix $cxxflags -MMD -MF $out.d -include prefix.hpp -c $in -o $out
  depfile = $out.d
  deps = gcc
rule plain
  description = c++ $in
  command = g++ $cxxflags -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  description = link $out
  command = g++ ${[...LINK, ...tuned].join(' ')} -o $out $in $libraries
build fbs/done: flatc ${schemas().join(' ')}
build prefix/prefix.hpp.gch: prefix ours/compat/prefix.hpp | fbs/done
${edges.map(({ text }) => text).join('\n')}
build object/compat-test.o: plain ours/compat/compat-test.cpp
build compat-test: link object/compat-test.o | libsrtp/libsrtp2.a
  libraries = libsrtp/libsrtp2.a -lcrypto
build mediasoup-worker: link ${objects} | libsrtp/libsrtp2.a
  libraries = ${LIBRARIES.join(' ')}
default compat-test mediasoup-worker
`;
}
