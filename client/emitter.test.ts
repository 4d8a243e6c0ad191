/** Tests of the event emitter. */
import { expect, test } from 'vitest';
import { Emitter } from './index.ts';

interface Events {
  readonly tick: number;
}

test('Emitter: listeners in order; an ended one hears nothing more', () => {
  const emitter = new Emitter<Events>();
  const heard: string[] = [];
  const end = emitter.on('tick', (n) => heard.push(`a${n}`));
  emitter.on('tick', (n) => heard.push(`b${n}`));
  emitter.emit('tick', 1);
  end();
  end();
  emitter.emit('tick', 2);
  expect(heard).toEqual(['a1', 'b1', 'b2']);
});

test('Emitter: the same function twice, called twice, ended one by one', () => {
  const emitter = new Emitter<Events>();
  let count = 0;
  const listener = (): void => {
    count += 1;
  };
  const end = emitter.on('tick', listener);
  emitter.on('tick', listener);
  emitter.emit('tick', 1);
  end();
  emitter.emit('tick', 1);
  expect(count).toBe(3);
});

test('Emitter: a listener that throws, reported, the others are called', () => {
  const reported: unknown[] = [];
  const emitter = new Emitter<Events>((error) => reported.push(error));
  const heard: number[] = [];
  emitter.on('tick', () => {
    throw new Error('of a listener');
  });
  emitter.on('tick', (n) => heard.push(n));
  emitter.emit('tick', 1);
  expect([heard, String(reported[0])]).toEqual([[1], 'Error: of a listener']);
});

test('once: resolves with the first argument that is accepted', async () => {
  const emitter = new Emitter<Events>();
  const next = emitter.once('tick', (n) => n > 2);
  for (const n of [1, 2, 3, 4]) emitter.emit('tick', n);
  expect(await next).toBe(3);
});
