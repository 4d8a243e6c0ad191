/** Paths of actors on their thread, both ways. */
import { expect, test } from 'vitest';
import {
  type AnyRef,
  actorAt,
  actorPath,
  call,
  defineActor,
  entity,
  exit,
  hostEntity,
  name,
  parseRef,
  spawn,
  stop,
} from '../index.ts';

interface PlainP {
  ping(): string;
}
const Plain = defineActor<PlainP, null>({
  name: 'plain',
  init: () => null,
  handle: { ping: () => 'pong' },
});

test('actorPath and actorAt: a named actor, by its name and over restarts', async () => {
  const first = await spawn(Plain, undefined, { name: name('path of/one') });
  expect(actorPath(first)).toBe('path%20of%2Fone');
  expect(actorAt('path%20of%2Fone')).toBe(first);
  exit(first, 'kill');
  expect(actorAt('path%20of%2Fone')).toBeUndefined();
  const second = await spawn(Plain, undefined, { name: name('path of/one') });
  expect(actorAt('path%20of%2Fone')).toBe(second);
  await stop(second);
});

test('actorPath and actorAt: a name that is a number', async () => {
  const ref = await spawn(Plain, undefined, { name: name(77) });
  expect(actorPath(ref)).toBe('77');
  expect(actorAt('77')).toBe(ref);
  await stop(ref);
});

test('actorPath and actorAt: an entity and its host, a passive entity is not started', async () => {
  const host = await hostEntity('pathed', {
    behaviour: Plain,
    arg: () => undefined,
    idleMs: 60_000,
  });
  expect(actorAt('pathed/4711')).toBeUndefined();
  expect(await call(entity<PlainP>('pathed', 4711), 'ping')).toBe('pong');
  const ref = actorAt('pathed/4711') as AnyRef;
  expect(actorPath(ref)).toBe('pathed/4711');
  expect(actorPath(host)).toBe('pathed');
  expect(actorAt('pathed')).toBe(host);
  await stop(host);
  expect(actorAt('pathed')).toBeUndefined();
});

test('actorPath and actorAt: an actor without a name, by behaviour and ref', async () => {
  const ref = await spawn(Plain, undefined);
  const path = actorPath(ref) as string;
  expect(path).toMatch(/^plain\/0\.0\.\d+$/);
  expect(actorAt(path)).toBe(ref);
  await stop(ref);
  expect(actorAt(path)).toBeUndefined();
  expect(actorPath(ref)).toBeUndefined();
});

test('actorAt: what is no path, undefined', () => {
  for (const path of ['', '/', '%', 'nobody', 'nobody/1', 'plain/x', 'plain/0.0', 'plain/0.99.1']) {
    expect(actorAt(path), path).toBeUndefined();
  }
});

test('parseRef: formatRef read back, undefined for anything else', async () => {
  const ref = await spawn(Plain, undefined);
  expect(parseRef(`<0.0.${ref}>`)).toBe(ref);
  expect(parseRef('<0.64.1>')).toBeUndefined();
  expect(parseRef('12')).toBeUndefined();
  await stop(ref);
});
