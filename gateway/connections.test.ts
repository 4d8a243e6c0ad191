/** The list of connections and its sweep. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Connection, type ConnectionHost } from './connection.ts';
import { Connections, SWEEP_STEPS } from './connections.ts';

const host: ConnectionHost = {
  pressed: () => undefined,
  ending: () => undefined,
  erred: () => undefined,
  nowS: () => 0,
};

function make(no: number): Connection {
  return new Connection(no, 'mp', 'k', host);
}

test('Connections: any adds and removes, get and size agree with a model', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 20 }))), (steps) => {
      const connections = new Connections();
      const model = new Map<number, Connection>();
      for (const [isAdd, no] of steps) {
        const present = model.get(no);
        if (isAdd && present === undefined) {
          model.set(no, make(no));
          connections.add(model.get(no) as Connection);
        } else if (!isAdd && present !== undefined) {
          connections.remove(present);
          connections.remove(present);
          model.delete(no);
        }
      }
      expect(new Set(connections.snapshot())).toEqual(new Set(model.values()));
      for (const [no, connection] of model) expect(connections.get(no)).toBe(connection);
    }),
  );
});

test('Connections.step: a round of ten steps, visits each once, evenly', () => {
  const connections = new Connections();
  for (let no = 0; no < 95; no += 1) connections.add(make(no));
  for (let round = 0; round < 2; round += 1) {
    const visits: number[] = [];
    for (let step = 1; step <= SWEEP_STEPS; step += 1) {
      const before = visits.length;
      const isOver = connections.step((connection) => visits.push(connection.no));
      expect(isOver).toBe(step === SWEEP_STEPS);
      expect(visits.length - before).toBeLessThanOrEqual(10);
    }
    expect(visits).toEqual(Array.from({ length: 95 }, (_, i) => i));
  }
});

test('Connections.step: hurried, ends the round at once; visited ones may leave', () => {
  const connections = new Connections();
  for (let no = 0; no < 30; no += 1) connections.add(make(no));
  let visits = 0;
  const isOver = connections.step((connection) => {
    visits += 1;
    connections.remove(connection);
  }, true);
  expect(isOver).toBe(true);
  expect(visits).toBeGreaterThanOrEqual(15);
  expect(connections.size).toBe(30 - visits);
});
