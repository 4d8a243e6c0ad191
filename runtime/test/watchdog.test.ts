/** The watchdog: slow and hung threads are found and named; hung ones are replaced, or end the node. */
import { spawn as spawnProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import {
  at,
  call,
  cast,
  entity,
  type NodeHandle,
  type NodeOptions,
  type Report,
  startNode,
} from '../index.ts';
import { type EchoP, HANGING_KEYS, type ThingP } from './fixtures/slot.ts';
import { reasonOf } from './support.ts';

const MODULE = new URL('./fixtures/slot.ts', import.meta.url);
// Wide enough apart that a busy test machine does not make a healthy thread look hung.
const WATCHDOG = { intervalMs: 20, slowMs: 150, hungMs: 1500 };

let node: NodeHandle | undefined;
let reports: Report[] = [];
let waiting: { fits: (r: Report) => boolean; done: (r: Report) => void }[] = [];
const sink = (r: Report): void => {
  reports.push(r);
  for (const each of waiting) if (each.fits(r)) each.done(r);
};
const until = (fits: (r: Report) => boolean): Promise<Report> =>
  new Promise((done) => {
    const past = reports.find(fits);
    if (past !== undefined) done(past);
    else waiting.push({ fits, done });
  });

const start = async (options: Partial<NodeOptions> = {}): Promise<void> => {
  reports = [];
  waiting = [];
  node = await startNode({
    slots: [
      { name: 'shard-0', group: 'shard', module: MODULE, onDown: 'restart' },
      { name: 'other', module: MODULE, onDown: 'restart' },
    ],
    entities: { thing: 'shard' },
    watchdog: WATCHDOG,
    restart: { intensity: 5, period: 60 },
    report: sink,
    ...options,
  });
};
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

const echo = at<EchoP>('shard-0', 'echo');
const upAgain = (incarnation: number): Promise<Report> =>
  until((r) => r.kind === 'threadUp' && r.thread === 'shard-0' && r.incarnation === incarnation);

test('slow: a handler that blocks its thread is named, the thread lives on', async () => {
  await start();
  const spinning = call(echo, 'spin', 600);
  const slow = await until((r) => r.kind === 'slow' && r.thread === 'shard-0');
  expect(slow).toMatchObject({ culprit: { op: 'spin' } });
  await spinning;
  expect(node?.slots().find(({ name }) => name === 'shard-0')?.incarnation).toBe(1);
});

test('hung: a busy loop is found while main is busy too, named, terminated and replaced', async () => {
  await start();
  const thing = entity<ThingP>('thing', 4);
  await call(thing, 'add', 1);
  const hanging = reasonOf(call(thing, 'hang', undefined, { timeoutMs: 60_000 }));
  const meanwhile = call(at<EchoP>('other', 'echo'), 'echo', 'alive');
  const hung = await until((r) => r.kind === 'hung');
  expect(hung).toMatchObject({
    thread: 'shard-0',
    culprit: { op: 'hang', entity: { type: 'thing', key: 4 } },
  });
  expect(await meanwhile).toBe('alive');
  expect(await hanging).toBe('noconnection');
  await upAgain(2);
  expect(await call(thing, 'add', 1)).toBe(1);
});

test('hung twice by the same entity: it is left down, its neighbours live', async () => {
  await start();
  const thing = entity<ThingP>('thing', 4);
  for (let strike = 1; strike <= 2; strike++) {
    expect(await reasonOf(call(thing, 'hang', undefined, { timeoutMs: 60_000 }))).toBe(
      'noconnection',
    );
    await upAgain(strike + 1);
  }
  expect(await reasonOf(call(thing, 'add', 1))).toBe('unavailable');
  expect(await call(entity<ThingP>('thing', 5), 'add', 1)).toBe(1);
  expect(reports).toContainEqual(
    expect.objectContaining({ kind: 'entityUnavailable', type: 'thing', key: 4 }),
  );
});

test('hung in init: the entity that was being started is named', async () => {
  await start();
  const hanging = reasonOf(
    call(entity<ThingP>('thing', HANGING_KEYS), 'add', 1, { timeoutMs: 60_000 }),
  );
  const hung = await until((r) => r.kind === 'hung');
  expect(hung).toMatchObject({ culprit: { op: 'init', entity: { key: HANGING_KEYS } } });
  expect(await hanging).toBe('noconnection');
  await upAgain(2);
});

test('hung fatal slot: the node fails, the thread is left alone', async () => {
  let failed: (failure: unknown) => void = () => {};
  const failure = new Promise((resolve) => {
    failed = resolve;
  });
  await start({
    slots: [{ name: 'shard-0', module: MODULE, onDown: 'fatal' }],
    entities: {},
    fatal: (each) => failed(each),
  });
  const spinning = call(echo, 'spin', 3000, { timeoutMs: 20_000 });
  expect(await failure).toMatchObject({ slot: 'shard-0', why: 'hung', reason: { op: 'spin' } });
  await spinning;
  expect(await call(echo, 'where')).toBe('shard-0');
});

test('hung main: the process aborts and names the actor and op', async () => {
  const script = fileURLToPath(new URL('./fixtures/hang-main.ts', import.meta.url));
  const child = spawnProcess(process.execPath, ['--disable-warning=ExperimentalWarning', script]);
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect(signal).toBe('SIGABRT');
  expect(stderr).toMatch(/main thread hung .* op "hang"/);
});

test('stale cast: what was sent to a ref of the former thread reaches nobody', async () => {
  await start();
  const stale = await call(echo, 'self');
  node?.terminateSlot('shard-0');
  await upAgain(2);
  for (let i = 0; i < 100; i++) cast(stale, 'crash');
  const fresh = await call(echo, 'self');
  expect(await call(fresh, 'echo', 1)).toBe(1);
  expect(reports.filter(({ kind }) => kind === 'crash').map((r) => r.slot)).not.toContain(
    'shard-0',
  );
});
