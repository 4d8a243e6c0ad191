/** The ring against a plain array, with every mix of push, take and dropOldest. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mailbox } from './mailbox.ts';
import { TraceMark } from './trace-context.ts';

type Step = { do: 'push'; limited: boolean } | { do: 'take' } | { do: 'drop' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), limited: fc.boolean() }) },
  { weight: 4, arbitrary: fc.constant({ do: 'take' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'drop' as const }) },
);

/** The next real record of the mailbox, holes left out. */
function takeReal(mailbox: Mailbox): number | undefined {
  while (mailbox.count > 0) {
    mailbox.take();
    if (typeof mailbox.op === 'string') mailbox.limited--;
    if (mailbox.op === undefined) continue;
    const n = mailbox.arg as number;
    const isMarked = typeof mailbox.op === 'string' && n % 3 === 0;
    expect(mailbox.trace?.traceId).toBe(isMarked ? String(n) : undefined);
    return n;
  }
  return undefined;
}

test('Mailbox: any steps, order and marks are kept and the oldest limited record is the one dropped', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const mailbox = new Mailbox();
      const model: { n: number; limited: boolean }[] = [];
      const signal = { notice: true };
      let n = 0;
      for (const each of steps) {
        if (each.do === 'push') {
          n++;
          mailbox.push(each.limited ? 'op' : signal, n, n, 0);
          if (each.limited && n % 3 === 0) mailbox.markLast(new TraceMark(String(n), '', 0, 0));
          if (each.limited) mailbox.limited++;
          model.push({ n, limited: each.limited });
        } else if (each.do === 'take') {
          expect(takeReal(mailbox)).toBe(model.shift()?.n);
        } else {
          const at = model.findIndex(({ limited }) => limited);
          const dropped = at === -1 ? -1 : (model.splice(at, 1)[0]?.n ?? -1);
          expect(mailbox.dropOldest()).toBe(dropped);
        }
        expect(mailbox.limited).toBe(model.filter(({ limited }) => limited).length);
      }
      for (const { n: left } of model) expect(takeReal(mailbox)).toBe(left);
      expect(takeReal(mailbox)).toBeUndefined();
    }),
  );
});

test('Mailbox: a large burst is taken in order and the ring is given back', () => {
  const mailbox = new Mailbox();
  for (let i = 0; i < 100_000; i++) mailbox.push('op', i, 0, 0);
  for (let i = 0; i < 100_000; i++) {
    mailbox.take();
    if (mailbox.arg !== i) expect(mailbox.arg).toBe(i);
  }
  expect(mailbox.count).toBe(0);
});
