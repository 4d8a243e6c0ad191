/** Circles of calls over threads: found at once instead of timing out, and only where somebody truly waits. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, call, cast, defineActor, type NodeHandle, spawn, startNode } from '../index.ts';
import type { EchoP, OutcomeP } from './fixtures/slot.ts';

const MODULE = new URL('./fixtures/slot.ts', import.meta.url);
const a = at<EchoP>('one', 'echo');
const a2 = at<EchoP>('one', 'trapper');
const b = at<EchoP>('two', 'echo');
const b2 = at<EchoP>('two', 'trapper');
let node: NodeHandle;

beforeAll(async () => {
  node = await startNode({
    slots: [
      { name: 'one', module: MODULE, onDown: 'restart' },
      { name: 'two', module: MODULE, onDown: 'restart' },
    ],
    watchdog: false,
    report: () => undefined,
  });
});
afterAll(() => node.stop());

test.each([
  ['there and back', [b, a]],
  ['back to the second', [b, a2, b]],
  ['back through another actor of the first thread', [b, a2, a]],
  ['back through another actor of the second thread', [b, b2, a]],
  ['away and back twice', [b, a2, b2, a]],
])('call: a circle, %s, fails callingSelf', async (_title, path) => {
  expect(await call(a, 'relay', path)).toBe('callingSelf');
});

test('call: a chain over threads without a circle, is answered', async () => {
  expect(await call(a, 'relay', [b, a2, b2])).toBe('end');
  expect(await call(a, 'relay', [b, a2, b2])).toBe('end');
});

test('call: back to an actor that called and did not wait, is answered', async () => {
  let done: (value: unknown) => void = () => undefined;
  const outcome = new Promise((resolve) => {
    done = resolve;
  });
  const Probe = defineActor<OutcomeP, null>({
    init: () => null,
    handle: { outcome: (_s, value) => done(value) },
  });
  cast(a, 'relayLater', { path: [b, a], to: await spawn(Probe, undefined) });
  expect(await outcome).toBe('end');
});
