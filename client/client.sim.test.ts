/** Seeded simulation of one client against a faulty server: invariants I2, I3 and I7. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Op } from '../gateway/protocol/index.ts';
import { onlineRig } from './test/rig.ts';

/** What may happen to a client. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('lose' as const), share: fc.constantFrom(0, 0.2, 0.6) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 400, 3000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('refuse' as const),
      code: fc.constantFrom(420, 501, 502),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('beacon' as const) }) },
);

test('DriftwayClient: any faults, every event once and in order, every message sent once (I2, I3, I7)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.nat(),
      async (steps, seed) => {
        const parts = await onlineRig(3);
        const { server, client, clock } = parts;
        let state = seed;
        const random = (): number => {
          state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
          return state / 2 ** 31;
        };
        let share = 0;
        let refuse = 0;
        let isMute = false;
        server.filter = (_connection, frame) => {
          if (isMute && frame[0] === Op.OK) return false;
          const isLossy = frame[0] === Op.EV || frame[0] === Op.BATCH || frame[0] === Op.HEAD;
          return !isLossy || random() >= share;
        };
        server.intercept = (connection, request) => {
          if (request.op !== Op.APPEND || refuse === 0) return false;
          // Outcome unknown: committed, but not confirmed.
          isMute = true;
          if (refuse === 501) server.answer(connection, request);
          isMute = false;
          connection.send([Op.ERR, request.rid, refuse, 'x', 300]);
          refuse = 0;
          return true;
        };
        let count = 0;
        for (const one of steps) {
          if (one.do === 'publish')
            for (let i = 0; i < one.count; i += 1) server.publish(7, 'other');
          if (one.do === 'send') {
            count += 1;
            client.send(7, `own ${count}`);
          }
          if (one.do === 'lose') share = one.share;
          if (one.do === 'wait') await clock.advance(one.ms);
          if (one.do === 'kill') server.last.kill();
          if (one.do === 'move') server.last.send([Op.RECONNECT, 0, 500, null, 'drain']);
          if (one.do === 'refuse') refuse = one.code;
          if (one.do === 'beacon') server.beacon(7);
        }
        share = 0;
        refuse = 0;
        for (let i = 0; i < 16; i += 1) {
          await clock.advance(10_000);
          server.ping();
          server.beacon(7);
        }
        await clock.advance(1_000);
        const head = server.stream(7).events.length;
        expect(parts.events.map((event) => event.seq)).toEqual(range(4, head));
        expect(parts.gaps).toEqual([]);
        const own = server.stream(7).events.filter((event) => event.actor === 1);
        expect(own.map((event) => event.body[0])).toEqual(range(1, count).map((i) => `own ${i}`));
        expect(client.outbox()).toEqual([]);
        await client.close();
        expect(clock.pending()).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
