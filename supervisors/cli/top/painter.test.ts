/** What is written to the terminal: only lines that differ. */
import { expect, test } from 'vitest';
import { Painter } from './painter.ts';

function painter() {
  const written: string[] = [];
  return { written, painter: new Painter((text) => written.push(text)) };
}

test('paint: the first picture, every line at its place', () => {
  const { painter: own, written } = painter();
  own.paint(['a', 'b']);
  expect(written).toHaveLength(1);
  expect(written[0]).toContain('\u001b[1;1H\u001b[0m\u001b[Ka');
  expect(written[0]).toContain('\u001b[2;1H\u001b[0m\u001b[Kb');
});

test('paint: one line has changed, it alone is written', () => {
  const { painter: own, written } = painter();
  own.paint(['a', 'b', 'c']);
  own.paint(['a', 'B', 'c']);
  expect(written[1]).toContain('\u001b[2;1H');
  expect(written[1]).not.toMatch(/\[[13];1H/);
});

test('paint: nothing has changed, nothing is written', () => {
  const { painter: own, written } = painter();
  own.paint(['a']);
  own.paint(['a']);
  expect(written).toHaveLength(1);
});

test('lost: somebody else has written, everything is written again', () => {
  const { painter: own, written } = painter();
  own.paint(['a']);
  own.lost();
  own.paint(['a']);
  expect(written).toHaveLength(2);
});
