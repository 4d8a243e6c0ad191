/**
 * Runs the operators' command line as a process of its own. Runs in the test process; must never import product code.
 */
import { spawn } from 'node:child_process';
import { NODE_FLAGS, REPO } from './server-process.ts';

/** What a run came to. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The document of --json. */
  json<T>(): T;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Shell commands before it, in the same process: `ulimit -n 300`. */
  readonly before?: string;
  /** SIGKILL as soon as this was written to stderr. */
  readonly killAt?: string;
}

/** `driftway WORDS`, in the folder of the repository, without settings of this process. */
export async function driftway(
  words: readonly string[],
  options: CliOptions = {},
): Promise<CliRun> {
  const node = [process.execPath, ...NODE_FLAGS, 'supervisors/cli/main.ts'];
  const script = `${options.before ?? ':'}; exec "$@"`;
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...node, ...words], {
    cwd: REPO,
    env: { ...bareEnv(), ...options.env },
    stdio: 'pipe',
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (chunk) => out.push(String(chunk)));
  child.stderr.on('data', (chunk) => {
    err.push(String(chunk));
    const { killAt } = options;
    if (killAt !== undefined && err.join('').includes(killAt)) child.kill('SIGKILL');
  });
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = [out.join(''), err.join('')];
  return {
    code,
    stdout,
    stderr,
    json<T>() {
      try {
        return JSON.parse(stdout) as T;
      } catch (cause) {
        throw new Error(`driftway ${words.join(' ')}: exit ${code}, ${stdout}${stderr}`, { cause });
      }
    },
  };
}

function bareEnv(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env))
    if (!/^(DRIFTWAY_|VITEST|NODE_ENV|NODE_OPTIONS)/.test(name)) env[name] = value;
  return env;
}
