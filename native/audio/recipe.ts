/**
 * Owns what the programs are made of: the ninja file of each variant, and the content address over all of it. Pure but for reading
 * files; cheap (some ms), since every server start asks for the address.
 *
 * All paths in the ninja file are relative to the build folder, where `src`, `test` and `rnnoise.wasm` are links: so clones share one
 * address, and no path can hold a space.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentHash, hostIdentity } from '../build/index.ts';
import type { AudioVariant } from './types.ts';

/** This folder. */
export const OURS = fileURLToPath(new URL('.', import.meta.url));
export const RNNOISE_WASM = fileURLToPath(
  new URL('../../node_modules/@jitsi/rnnoise-wasm/dist/rnnoise.wasm', import.meta.url),
);

/** What the C that wasm2c makes is compiled with; comes with wasm2c. */
const WASM_RUNTIME = '/usr/share/wabt/wasm2c/wasm-rt-impl.c';

/** The program of each variant whose path the caller gets; what else it has lies beside it. */
export const PROGRAMS: Readonly<Record<AudioVariant, readonly string[]>> = {
  process: ['driftway-audio'],
  checks: ['audio-tests', 'audio-fuzz', 'audio-lab', 'driftway-audio'],
  lab: ['audio-lab'],
};

const SANITIZE = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer';
const COMPILE: Readonly<Record<AudioVariant, string>> = {
  process: '-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2',
  checks: `-O0 -g1 -Werror -D_GLIBCXX_ASSERTIONS ${SANITIZE}`,
  lab: '-O2',
};
const LINK: Readonly<Record<AudioVariant, string>> = {
  process: '-Wl,-O1 -Wl,--as-needed -Wl,-z,relro,-z,now -Wl,--strip-all',
  checks: SANITIZE,
  lab: '',
};
const COMMON =
  '-std=c++20 -Wall -Wextra -Wconversion -Wno-sign-conversion -isystem /usr/include/webrtc_audio_processing -DWEBRTC_AUDIO_PROCESSING_ONLY_BUILD -DWEBRTC_POSIX -Isrc -Igenerated';
const LIBRARIES = '-lopus -logg -lspeexdsp -lwebrtc_audio_processing';

/** What a program needs beside the library (all of src/ but main.cpp). */
const OWN_SOURCES: Readonly<Record<string, readonly string[]>> = {
  'driftway-audio': ['src/main.cpp'],
  'audio-tests': [],
  'audio-fuzz': [],
  'audio-lab': [],
};

function sourcesOf(program: string): readonly string[] {
  const own = OWN_SOURCES[program] ?? [];
  if (own.length > 0) return own;
  const prefix = `${program.slice('audio-'.length)}-`;
  return listed('test')
    .filter((name) => name.endsWith('.cpp') && (name.startsWith(prefix) || name === 'support.cpp'))
    .map((name) => `test/${name}`);
}

/** What must be made before a source can be compiled. */
function needsOf(source: string): string {
  return source === 'src/rnnoise.cpp' && hasRnnoise() ? ' | generated/rnnoise-module.h' : '';
}

function listed(folder: string): string[] {
  return readdirSync(join(OURS, folder)).sort();
}

/** Whether RNNoise is built in: its translator is there. */
export function hasRnnoise(): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const isTool = folders.some((folder) => folder !== '' && existsSync(join(folder, 'wasm2c')));
  return isTool && [WASM_RUNTIME, RNNOISE_WASM].every((path) => existsSync(path));
}

/** The content address of a variant on this machine: changes with all that it is made of, and with nothing else. */
export function binaryAddress(variant: AudioVariant): string {
  const folders = variant === 'process' ? ['src'] : ['src', 'test'];
  const files = folders.flatMap((folder) =>
    listed(folder).flatMap((name) => [name, readFileSync(join(OURS, folder, name), 'utf8')]),
  );
  return contentHash([hostIdentity(), ninjaFile(variant), versionHeader(), ...files]);
}

/** `generated/version.hpp`. */
export function versionHeader(): string {
  const text = readFileSync(join(OURS, 'src', 'version.hpp.in'), 'utf8');
  return text.replace('@DRIFTWAY_RNNOISE@', hasRnnoise() ? '1' : '0');
}

/**
 * RNNoise: WebAssembly to C to machine code. Accesses are checked against the module's memory by comparing, not by a signal handler,
 * which would belong to the whole process.
 */
const RNNOISE = `rule wasm2c
  command = wasm2c $in -n rnnoise -o generated/rnnoise-module.c
rule cc
  command = gcc -O2 -w -DWASM_RT_MEMCHECK_SIGNAL_HANDLER=0 -Igenerated -c $in -o $out
build generated/rnnoise-module.c | generated/rnnoise-module.h: wasm2c rnnoise.wasm
build object/rnnoise-module.o: cc generated/rnnoise-module.c
build object/wasm-rt-impl.o: cc ${WASM_RUNTIME}`;

/** What ninja runs, in the build folder. */
export function ninjaFile(variant: AudioVariant): string {
  const objects = new Map<string, string>();
  const object = (source: string) => {
    const path = `object/${source.replace(/\.cpp$/, '.o')}`;
    objects.set(path, `build ${path}: cxx ${source}${needsOf(source)}`);
    return path;
  };
  const library = listed('src')
    .filter((name) => name.endsWith('.cpp') && name !== 'main.cpp')
    .map((name) => object(`src/${name}`));
  const module = hasRnnoise() ? ['object/rnnoise-module.o', 'object/wasm-rt-impl.o'] : [];
  const programs = PROGRAMS[variant].map((program) => {
    const parts = [...sourcesOf(program).map(object), ...library, ...module];
    return `build ${program}: link ${parts.join(' ')}`;
  });
  return `ninja_required_version = 1.5
cxxflags = ${COMMON} ${COMPILE[variant]}
rule cxx
  command = g++ $cxxflags -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = g++ ${LINK[variant]} -o $out $in ${LIBRARIES}
${[...objects.values()].join('\n')}
${hasRnnoise() ? RNNOISE : ''}
${programs.join('\n')}
default ${PROGRAMS[variant].join(' ')}
`;
}
