/**
 * Owns the processes of bench:runtime: how each side is started for one figure, and where Erlang is. One process at a time, each
 * ended by a time limit.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figures, SideId } from './scenarios.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const LIMIT_MS = 120_000;
const APT_LINE = 'apt-get install -y --no-install-recommends erlang-base';

/** How long a process runs before it measures, and how long it measures. */
export interface Times {
  readonly warmMs: number;
  readonly windowMs: number;
}

/** Erlang as it was found: where its compiled programs lie, and its version. */
export interface Erlang {
  readonly folder: string;
  readonly version: string;
}

/** Says what to do; the bench ends with code 2. */
export class MissingErlang extends Error {
  constructor(missing: string) {
    super(
      `Erlang is missing (${missing} is not on the PATH). On Debian:\n\n  ${APT_LINE}\n\n` +
        'Or leave it out: npm run bench:runtime -- --without-erlang',
    );
  }
}

/** Compiles erlang/*.erl into a temporary folder. Throws MissingErlang. */
export function prepareErlang(): Erlang {
  const folder = mkdtempSync(join(tmpdir(), 'driftway-bench-'));
  const sources = readdirSync(join(HERE, 'erlang')).filter((name) => name.endsWith('.erl'));
  runTool('erlc', ['-o', folder, ...sources.map((name) => join(HERE, 'erlang', name))]);
  const eval_ =
    'io:format("~s ~s ~p", [erlang:system_info(otp_release), erlang:system_info(version), ' +
    'erlang:system_info(emu_flavor)]), halt().';
  const version = runTool('erl', ['-noinput', '-eval', eval_]);
  return { folder, version };
}

/** Removes the compiled programs. */
export function forgetErlang({ folder }: Erlang): void {
  rmSync(folder, { recursive: true, force: true });
}

function runTool(tool: string, args: readonly string[]): string {
  try {
    return execFileSync(tool, args, { encoding: 'utf8', timeout: LIMIT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new MissingErlang(tool);
    throw error;
  }
}

/** Version of an installed package. */
export function packageVersion(name: string): string {
  const path = fileURLToPath(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** Runs one scenario of a JavaScript subject (the name of a file here) in a process of its own. */
export function runNode(subject: string, scenario: string, times: Times): Promise<Figures> {
  const program = join(HERE, `${subject}.ts`);
  const args = [...process.execArgv, '--expose-gc', program, scenario, ...timeArgs(times)];
  return run(process.execPath, args, process.env);
}

/** Runs one scenario of Erlang. `erlang` is the installed set-up, `erlang-1` has one scheduler. */
export function runErlang(
  { folder }: Erlang,
  side: SideId,
  module: string,
  times: Times,
): Promise<Figures> {
  const schedulers = side === 'erlang-1' ? ['+S', '1:1'] : [];
  const start = ['-noinput', '-pa', folder, '-s', 'measure', 'main'];
  const args = [...schedulers, ...start, '-extra', module, ...timeArgs(times)];
  return run('erl', args, { ...process.env, ERL_CRASH_DUMP_SECONDS: '0' });
}

function timeArgs({ warmMs, windowMs }: Times): readonly string[] {
  return [String(warmMs), String(windowMs)];
}

/** The last line of a process's output, as figures. */
function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Figures> {
  const options = { env, encoding: 'utf8', timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve, reject) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Figures);
      else reject(new Error(`${file} ${args.join(' ')}: ${stderr.trim()}`, { cause: error }));
    });
  });
}
