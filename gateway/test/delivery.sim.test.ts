/**
 * Property test: whatever the order of publishes, chunks, SUB, UNSUB, lag, lost messages and owners that
 * die, the wire of every connection keeps I3, I8 and I9, and everybody who is subscribed ends at the head.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { World } from './world.ts';

const SIDS = [11, 12] as const;
const CLIENTS = 4;

const sid = fc.constantFrom(...SIDS);
const client = fc.nat({ max: CLIENTS - 1 });
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('commit'), sid, n: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('toShard'), n: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('toGateway'), n: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('sub'),
      client,
      sid,
      n: fc.integer({ min: -1, max: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unsub'), client, sid }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stall'), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drain'), client }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('time') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), sid }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('renew'), sid, n: fc.nat({ max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('head'), sid }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close'), client }) },
);

type Command = {
  readonly do: string;
  readonly sid?: number;
  readonly client?: number;
  readonly n?: number;
};

async function run(world: World, item: Command): Promise<void> {
  const target = world.clients[item.client ?? 0] as World['clients'][number];
  const n = item.n ?? 0;
  const stream = item.sid ?? 0;
  const isOpen = target.connection.isOpen;
  if (item.do === 'commit')
    world.shard.commit(
      stream,
      Array.from({ length: n }, (_, i) => `m${i}`),
    );
  else if (item.do === 'toShard') for (let i = 0; i < n; i += 1) world.shard.step('toShard');
  else if (item.do === 'toGateway') for (let i = 0; i < n; i += 1) world.shard.step('toGateway');
  else if (item.do === 'sub' && isOpen) world.subscribe(target, stream, n);
  else if (item.do === 'unsub' && isOpen) world.unsubscribe(target, stream);
  else if (item.do === 'stall' && isOpen) world.stall(target);
  else if (item.do === 'drain') world.drain(target);
  else if (item.do === 'crash') world.shard.crash(stream);
  else if (item.do === 'renew') world.shard.renew(stream, n);
  else if (item.do === 'lose') world.shard.loseOne();
  else if (item.do === 'head') world.shard.tellHead(stream);
  else if (item.do === 'close' && isOpen) target.connection.close(4000);
  else if (item.do === 'time') {
    world.clock.advance(1000);
    world.fanOut.tick();
    world.sweep();
  }
  if (item.do === 'turn') await world.turn();
}

function verdict(world: World): readonly string[] {
  const found: string[] = [];
  for (const [i, { checker, connection }] of world.clients.entries()) {
    found.push(...checker.violations.map((violation) => `client ${i}: ${violation}`));
    if (!connection.isOpen) continue;
    for (const subscription of connection.subscriptions) {
      const { sid: at } = subscription.topic;
      const stream = world.shard.stream(at);
      const position = checker.positions.get(at);
      if (subscription.state !== 'live') found.push(`client ${i}: ${at} ${subscription.state}`);
      if (position?.epoch !== stream.epoch || position.seq !== stream.events.length) {
        const head = `${stream.epoch}/${stream.events.length}`;
        found.push(`client ${i}: ${at} at ${position?.epoch}/${position?.seq}, head ${head}`);
      }
    }
  }
  return found;
}

test('delivery: any interleaving of streams, clients and failures, wire keeps I3, I8 and I9', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 120 }), async (commands) => {
      const world = new World({ chunkMax: 3, replayMax: 8 });
      for (let i = 0; i < CLIENTS; i += 1) world.open(i + 1, i % 2 === 0 ? 'mp' : 'json');
      for (const item of commands) await run(world, item);
      for (const target of world.clients) world.drain(target);
      await world.quiesce();
      for (const at of SIDS) world.shard.tellHead(at);
      await world.quiesce();
      for (const target of world.clients) world.consume(target);
      expect(world.errors).toEqual([]);
      expect(verdict(world)).toEqual([]);
    }),
    { numRuns: 400 },
  );
}, 120_000);
