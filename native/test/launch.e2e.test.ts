/**
 * Tests of the launcher with real processes, real npm and real signals, in a copy of the project whose path has a space, over a
 * stand-in for `supervisors/main.ts`. Nothing here needs the network: the npm that installs is a stand-in too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WAIT_MS = 20_000;

/** Prints what reaches it; ends with 0 when asked to stop, unless it is to hang. */
const SERVER = `
  import { writeSync } from 'node:fs';
  const say = (text) => { try { writeSync(1, text + '\\n'); } catch { process.exit(0); } };
  if (process.argv[3] === 'exit') process.exit(Number(process.argv[4]));
  process.on('message', ({ type }) => {
    say('got ' + type);
    if (type === 'kill') process.exit(9);
    if (type === 'stop' && process.argv[3] !== 'hang') setTimeout(() => process.exit(0), 400);
  });
  process.on('disconnect', () => { say('got disconnect'); process.exit(0); });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => say('got signal ' + name));
  say('up ' + process.pid + ' ' + process.env.NODE_COMPILE_CACHE + ' ' + process.env.NODE_OPTIONS + ' ' + process.argv.slice(2));
`;

let folder = '';
let children: Run[] = [];

/** A command in the copy, in a process group of its own as a shell would start it, with its output. */
class Run {
  readonly process: ChildProcess;
  readonly ended: Promise<number | string | null>;
  output = '';

  constructor(file: string, args: string[], env: Record<string, string> = {}) {
    const clean = Object.entries(process.env).filter(
      ([name]) => !/^(npm_|VITEST|NODE_OPTIONS|NODE_COMPILE)/.test(name),
    );
    this.process = spawn(file, args, {
      cwd: folder,
      detached: true,
      env: { ...Object.fromEntries(clean), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => resolve(code ?? signal));
    });
    children.push(this);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  async shows(wanted: RegExp): Promise<RegExpExecArray> {
    await expect.poll(() => this.output, { timeout: WAIT_MS, interval: 20 }).toMatch(wanted);
    const found = wanted.exec(this.output);
    if (found === null) throw new Error(`lost ${wanted}`);
    return found;
  }
}

const launch = (...args: string[]) => new Run(process.execPath, ['native/launch.mjs', ...args]);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway launch '));
  for (const name of [
    'native',
    'package.json',
    'package-lock.json',
    'vitest.config.ts',
    'tsconfig.json',
  ]) {
    // Without native's own tests: only those that a test writes are to run.
    const filter = (path: string) => !/\.test\.ts$|\/native\/(.+\/)?test$/.test(path);
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'supervisors'));
  writeFileSync(join(folder, 'supervisors', 'main.ts'), SERVER);
});

afterEach(async () => {
  for (const child of children) {
    const server = /^up (\d+)/m.exec(child.output)?.[1];
    for (const group of [child.pid, Number(server ?? child.pid)]) killGroup(group);
  }
  await Promise.all(children.map((child) => child.ended));
  children = [];
  rmSync(folder, { recursive: true });
});

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

test('launch start: everything is there, starts at once with cache and options and prints nothing of its own', async () => {
  const run = launch('start', '--', '--port', '7');
  const [, , cache] = await run.shows(
    /up (\d+) (.+?) --disable-warning=ExperimentalWarning start,--port,7/,
  );
  expect(cache).toBe(join(folder, '.cache', 'compile'));
  expect(run.output).not.toContain('driftway:');
  run.process.kill('SIGTERM');
  expect(await run.ended).toBe(0);
});

test('launch start: a source has changed, the cache of stripped types holds exactly the present ones', async () => {
  const cached = () => readdirSync(join(folder, '.cache', 'stripped', process.version)).sort();
  await launch('start', 'exit', '0').ended;
  const before = cached();
  await launch('start', 'exit', '0').ended;
  expect(cached()).toEqual(before);
  writeFileSync(join(folder, 'supervisors', 'main.ts'), `const x: number = 1;\n${SERVER}`);
  await launch('start', 'exit', '0').ended;
  expect(cached()).toHaveLength(before.length);
  expect(cached()).not.toEqual(before);
});

test('npm start: SIGTERM to npm, is one wish to stop and ends with 0', async () => {
  const run = new Run('npm', ['start']);
  await run.shows(/up \d+/);
  run.process.kill('SIGTERM');
  expect(await run.ended).toBe(0);
  expect(run.output.match(/got .*/g)).toEqual(['got stop']);
});

test("npm start: a terminal's Ctrl-C, reaches the server once, as a wish to stop", async () => {
  const run = new Run('npm', ['start']);
  await run.shows(/up \d+/);
  process.kill(-run.pid, 'SIGINT');
  expect(await run.ended).toBe(0);
  expect(run.output.match(/got .*/g)).toEqual(['got stop']);
});

test('npm start: Ctrl-C again, ends at once', async () => {
  const run = new Run('npm', ['start', 'hang']);
  await run.shows(/up \d+/);
  process.kill(-run.pid, 'SIGINT');
  await run.shows(/got stop/);
  const again = setInterval(() => process.kill(-run.pid, 'SIGINT'), 100);
  expect(await run.ended).not.toBe(0);
  clearInterval(again);
  expect(run.output).toContain('got kill');
});

test('launch start: the launcher is killed, the server notices', async () => {
  const run = launch('start', 'hang');
  await run.shows(/up \d+/);
  run.process.kill('SIGKILL');
  await run.shows(/got disconnect/);
});

test('npm start: npm is killed, the server is asked to stop', async () => {
  const run = new Run('npm', ['start']);
  await run.shows(/up \d+/);
  run.process.kill('SIGKILL');
  await run.shows(/got stop/);
});

test('launch start: SIGHUP without a terminal, is a wish to reread', async () => {
  const run = launch('start');
  await run.shows(/up \d+/);
  run.process.kill('SIGHUP');
  await run.shows(/got reload/);
  run.process.kill('SIGTERM');
  expect(await run.ended).toBe(0);
});

test.each([0, 1, 2])(
  'launch start: the server ends with %i, so does the launcher',
  async (code) => {
    expect(await launch('start', 'exit', String(code)).ended).toBe(code);
  },
);

test('launch: an unknown command, ends with 2 and names the known ones', async () => {
  const run = launch('strat');
  expect(await run.ended).toBe(2);
  expect(run.output).toContain('unknown command: got strat, wanted one of start,');
});

test.each([
  ['passing', 'test("a", () => {}); test("b", () => {});', 0, '2 passed, 0 failed'],
  [
    'one failing',
    'test("a", () => {}); test("b", () => { throw new Error("x"); });',
    1,
    '1 passed, 1 failed',
  ],
  [
    'one skipped',
    'test("a", () => {}); test.skip("b", () => {});',
    0,
    '1 passed, 0 failed, 1 skipped',
  ],
  [
    'an error outside of tests',
    'test("a", () => {}); Promise.reject(new Error("x"));',
    1,
    '1 passed, 1 failed',
  ],
  ['a file that does not load', 'import "./nothing.ts";', 1, '0 passed, 1 failed'],
  ['no test at all', null, 1, '0 passed, 0 failed'],
])(
  'launch test: %s, the last line counts and the exit code tells',
  async (_title, code, exitCode, lastLine) => {
    mkdirSync(join(folder, 'runtime'));
    if (code !== null)
      writeFileSync(join(folder, 'runtime', 'x.test.ts'), `import { test } from 'vitest'; ${code}`);
    const run = launch('test');
    expect([await run.ended, run.output.trimEnd().split('\n').at(-1)]).toEqual([
      exitCode,
      lastLine,
    ]);
    const failed = Number(/ (\d+) failed/.exec(lastLine)?.[1]);
    expect(run.output.match(/^failed: .+: .+$/gm) ?? []).toHaveLength(failed);
  },
);

/** A stand-in for npm: notes each call, takes its time, and leaves an empty node_modules behind or fails. */
function fakeNpm(fails: string | null): Record<string, string> {
  rmSync(join(folder, 'node_modules'));
  const cli = join(folder, 'npm-cli.js');
  const log = join(folder, 'npm-calls');
  writeFileSync(
    cli,
    `const fs = require('node:fs');
     fs.appendFileSync(${JSON.stringify(log)}, process.argv[2] + '\\n');
     setTimeout(() => {
       if (${fails !== null}) { console.error(${JSON.stringify(fails)}); process.exit(1); }
       fs.mkdirSync('node_modules', { recursive: true });
     }, 500);`,
  );
  // The copy is an ES module package; npm's own folder is not.
  mkdirSync(join(folder, 'npm'));
  cpSync(cli, join(folder, 'npm', 'npm-cli.js'));
  writeFileSync(join(folder, 'npm', 'package.json'), '{}');
  appendFileSync(log, '');
  return { npm_execpath: join(folder, 'npm', 'npm-cli.js') };
}

test('launch: three at once on a fresh copy, install once and all go on', async () => {
  const env = fakeNpm(null);
  const runs = [1, 2, 3].map(() => new Run(process.execPath, ['native/launch.mjs', 'setup'], env));
  expect(await Promise.all(runs.map((run) => run.ended))).toEqual([0, 0, 0]);
  expect(readFileSync(join(folder, 'npm-calls'), 'utf8')).toBe('ci\n');
  expect(existsSync(join(folder, '.cache', 'packages.lock'))).toBe(false);
});

test('launch: another one died while it installed, its lock is taken over', async () => {
  const env = fakeNpm(null);
  mkdirSync(join(folder, '.cache', 'packages.lock'), { recursive: true });
  const dead = new Run(process.execPath, ['-e', '']);
  await dead.ended;
  writeFileSync(join(folder, '.cache', 'packages.lock', 'owner'), `${dead.pid}.1`);
  const run = new Run(process.execPath, ['native/launch.mjs', 'setup'], env);
  expect(await run.ended).toBe(0);
  expect(run.output).toContain('packages are installed');
});

test.each([
  [
    'no network',
    'npm error code EAI_AGAIN',
    'the npm registry cannot be reached; connect to the network once',
  ],
  ['another fault', 'npm error code EUSAGE', 'installing packages: npm failed (exit code 1)'],
])('launch: npm ci fails for %s, says what to do and ends with 1', async (_title, said, wanted) => {
  const run = new Run(process.execPath, ['native/launch.mjs', 'setup'], fakeNpm(said));
  expect(await run.ended).toBe(1);
  expect(run.output).toContain(wanted);
});
