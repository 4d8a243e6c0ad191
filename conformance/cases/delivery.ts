/** Cases 5 to 7: delivery, the position of an empty stream, one order for all. */
import { acknowledgedIsKept, gapless, oncePerNonce } from '../invariants/kept.ts';
import { noSilentLoss } from '../invariants/reader.ts';
import { walk } from '../invariants/walk.ts';
import { check, Failure, same } from '../peer/failure.ts';
import { violationText } from '../suite/audit.ts';
import type { Case } from '../suite/case.ts';
import { flood } from '../suite/load.ts';
import { Status } from '../wire/codes.ts';

const SENDERS = 20;
const EACH = 200;

const basicDelivery: Case = {
  number: 5,
  name: 'basic delivery',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const [a, b, c] = await Promise.all(['A', 'B', 'C'].map((name) => stage.connect(name)));
    check(a !== undefined && b !== undefined && c !== undefined, 'three connections');
    const all = [a, b, c];
    for (const one of all) same((await one.sub(sid)).status, Status.LIVE, 'status');
    const ok = await a.append(sid, 'x');
    same(ok.duplicate, false, 'duplicate');
    // A second message shows that nothing of the first was still to come.
    await a.append(sid, 'y');
    for (const one of all) {
      await one.until('both events', () => one.events(sid).length >= 2);
      const [event] = one.events(sid);
      const { epoch, seq, ts, kind, actor, body } = event!;
      const wanted = [ok.epoch, ok.seq, ok.ts, 1, a.uid, ['x']];
      same([epoch, seq, ts, kind, actor, body], wanted, `EV at ${one.client}`);
      same(
        one.events(sid).map((each) => each.seq),
        [ok.seq, ok.seq + 1],
        `seqs at ${one.client}`,
      );
    }
    const [ofB, ofC] = [b.events(sid)[0]!.bytes, c.events(sid)[0]!.bytes];
    check(Buffer.compare(ofB, ofC) === 0, 'B and C have the same bytes');
    return undefined;
  },
};

const emptyStream: Case = {
  number: 6,
  name: 'empty stream position',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const b = await stage.connect('B');
    const { status, epoch, seq, ts, first, head } = await b.sub(sid);
    same([status, seq, ts, first, head], [Status.LIVE, 0, 0, 1, 0], 'position of an empty stream');
    check(epoch > 0, 'the epoch is not 0');
    await b.close();
    const ok = await (await stage.connect('A')).append(sid, 'first');
    const again = await stage.connect('B');
    const answer = await again.sub(sid, { epoch, seq: 0, ts: 0 });
    same([answer.status, answer.epoch], [Status.REPLAYING, epoch], 'status and epoch');
    await again.until('the event', () => again.events(sid).length > 0);
    same(again.events(sid)[0]?.seq, ok.seq, 'seq');
    return undefined;
  },
};

const totalOrder: Case = {
  number: 7,
  name: 'total order under contention',
  isQuick: false,
  async run(stage) {
    const sid = await stage.world.channel();
    const names = Array.from({ length: SENDERS }, (_, i) => `U${i}`);
    const urlOf = (i: number) => stage.urls[i % stage.urls.length] ?? stage.world.url;
    const observers = [];
    const senders = [];
    for (const [i, name] of names.entries()) {
      const follower = await stage.follow(name, sid, urlOf(i));
      observers.push(follower);
      senders.push(await stage.connect(name, { url: urlOf(i + 1) }));
    }
    const total = SENDERS * EACH;
    stage.progress(`case 7: ${total} appends of ${SENDERS} senders ...`);
    await Promise.all(
      senders.map((sender, i) => flood(sender, sid, EACH, (n) => `${i} says ${n}`)),
    );
    await Promise.all(observers.map((one) => one.reach(total, 60_000)));
    const history = await stage.history(sid);
    const appends = senders.flatMap((sender) => walk(sender).appends);
    const found = [
      ...gapless(history),
      ...acknowledgedIsKept(history, appends),
      ...oncePerNonce(history, appends),
      ...observers.flatMap(({ delivered, gaps, connection }) =>
        noSilentLoss({ client: connection.client, sid, delivered, gaps }, 1, total),
      ),
    ];
    if (found.length > 0) throw new Failure(found.slice(0, 5).map(violationText).join('; '));
    same(history.head, total, 'head');
    for (const { delivered, connection } of observers) {
      const order = delivered.map(({ body }) => body[0]);
      same(
        order,
        history.events.map(({ body }) => body[0]),
        `order at ${connection.client}`,
      );
    }
    return `${total} events, ${SENDERS} observers, ${stage.urls.length} node(s)`;
  },
};

export const deliveryCases: readonly Case[] = [basicDelivery, emptyStream, totalOrder];
