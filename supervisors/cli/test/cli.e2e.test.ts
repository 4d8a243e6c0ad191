/** The command line as a process of its own, against a real server: what it finds, prints and ends with, and what it loads. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REPO, ServerProcess, until } from '../../test/support/server-process.ts';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

const FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--import',
  new URL('../../../native/type-cache.mjs', import.meta.url).href,
];
/** Names every module that is loaded on stderr. */
const NAMED = `data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module';
   registerHooks({ load: (url, context, next) => { process.stderr.write('load ' + url + '\\n'); return next(url, context); } });`,
)}`;

const empty = mkdtempSync(join(tmpdir(), 'driftway-cli-'));
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start();
});

afterAll(async () => {
  await server.dispose();
  rmSync(empty, { recursive: true, force: true });
});

function ended(child: ChildProcess): Promise<Ended> {
  let out = '';
  let error = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    error += chunk.toString('utf8');
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, out, error }));
  });
}

function begin(words: readonly string[], flags: readonly string[] = []): ChildProcess {
  const entry = join(REPO, 'supervisors/cli/main.ts');
  return spawn(process.execPath, [...FLAGS, ...flags, entry, ...words], { cwd: empty });
}

const driftway = (...words: string[]): Promise<Ended> => ended(begin(words));
const here = (...words: string[]): Promise<Ended> =>
  driftway(...words, '--data-dir', server.dataDir);

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly restarts: number;
  readonly mailbox: number;
  readonly children: readonly Row[];
}

function find(row: Row, id: string): Row | undefined {
  if (row.id === id) return row;
  for (const child of row.children) {
    const found = find(child, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function rowNow(id: string): Promise<Row | undefined> {
  const { out } = await here('tree', '--json', '--depth', '4');
  return find(JSON.parse(out).root, id);
}

describe('driftway with a server', () => {
  test('tree --json: the whole tree as one document', async () => {
    const { code, out, error } = await here('tree', '--json');
    expect([code, error]).toEqual([0, '']);
    const { node, root } = JSON.parse(out) as { readonly node: string; readonly root: Row };
    expect(root).toMatchObject({ id: node, kind: 'node', state: 'running', restarts: 0 });
    const threads = root.children.map(({ id }) => id);
    expect(threads).toEqual(
      ['gateway-0', 'main', 'reader-0', 'shard-0', 'store'].map((name) => `${node}/${name}`),
    );
    expect(find(root, `${node}/shard-0/stream`)).toMatchObject({ mailbox: 0, children: [] });
  });

  test('kill: the tree shows the restart, the audit log who did it', async () => {
    const before = await rowNow('n1/shard-0/presence');
    const { code, out } = await here('kill', 'shard-0/presence', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { id: 'n1/shard-0/presence' }]);
    await until('the restart', 15_000, async () => {
      const row = await rowNow('n1/shard-0/presence');
      return (row?.restarts ?? 0) > (before?.restarts ?? 0) ? true : undefined;
    });
    const audit = JSON.parse((await here('audit', '--json')).out);
    const kills = audit.entries.filter(({ verb }: { verb: string }) => verb === 'kill');
    expect(kills.map(({ phase }: { phase: string }) => phase)).toEqual(['began', 'done']);
    expect(kills[0].who).toContain('driftway kill');
  });

  test('a row that is not there: exit code 1 and the code', async () => {
    const { code, out } = await here('inspect', 'shard-0/nothing', '--json');
    expect([code, JSON.parse(out).error.code]).toEqual([1, 'not_found']);
  });

  test('log --json until Ctrl-C: ends with 0 and one whole document', async () => {
    const child = begin(['log', '--json', '--level', 'trace', '--data-dir', server.dataDir]);
    const running = ended(child);
    await until('the subscription', 15_000, async () => {
      const { out } = await here('node', '--json');
      return JSON.parse(out).admin.subscriptionsNow > 0 ? true : undefined;
    });
    child.kill('SIGINT');
    const { code, out } = await running;
    expect(code).toBe(0);
    expect(Array.isArray(JSON.parse(out).lines)).toBe(true);
  });
});

describe('driftway without a server', () => {
  test('a command that needs one: exit code 1, says what to do', async () => {
    const { code, out, error } = await driftway('tree');
    expect([code, out]).toEqual([1, '']);
    expect(error).toMatch(/^no server runs in .*data: start one with npm start/);
  });

  test('wrong use: exit code 2', async () => {
    expect((await driftway('tre')).code).toBe(2);
  });

  test('keys rotate: makes a key where there is a data folder, else says that there is none', async () => {
    const { code, out } = await driftway('keys', 'rotate', '--json', '--data-dir', empty);
    expect([code, JSON.parse(out)]).toEqual([0, { rotated: true, server: null }]);
    const none = await driftway('keys', 'rotate', '--data-dir', join(empty, 'none'));
    expect(none.code).toBe(1);
    expect(none.error).toMatch(/^there is no data folder/);
  });

  test('--help and an unanswered tree: load nothing that is large', async () => {
    for (const words of [['--help'], ['tree'], ['tree', '--help']]) {
      const { error } = await ended(begin(words, ['--import', NAMED]));
      const loaded = error.split('\n').filter((line) => line.startsWith('load '));
      expect(loaded.length).toBeGreaterThan(5);
      expect(loaded.filter((line) => /node_modules\/(?!commander\/)/.test(line))).toEqual([]);
      expect(loaded.filter((line) => /supervisors\/config\.ts|channels\//.test(line))).toEqual([]);
    }
  });

  test('completion in bash: the script that is printed, offers the words of a command', async () => {
    const line = `
      driftway() { "${process.execPath}" ${FLAGS.map((flag) => `'${flag}'`).join(' ')} "${join(REPO, 'supervisors/cli/main.ts')}" "$@"; }
      compopt() { :; }
      source <(driftway completion bash)
      COMP_WORDS=(driftway where ''); COMP_CWORD=2; COMP_TYPE=9
      __driftway_complete; echo "\${COMPREPLY[*]}"`;
    const { out } = await ended(spawn('bash', ['--norc', '-c', line], { cwd: empty }));
    expect(out.trim()).toBe('channel message user');
  });

  test('the package’s command: is the same one', async () => {
    const child = spawn(process.execPath, [join(REPO, 'native/driftway.mjs'), '--version'], {
      cwd: empty,
    });
    expect((await ended(child)).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
