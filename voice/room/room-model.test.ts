/**
 * Any order of what people, moderators, guilds, connections and media workers do: at rest, every client's roster is the room's (I19),
 * every event was numbered without a gap, and the media worker holds exactly what the roster shows. No ghosts.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PERM_CONNECT, PERM_VIEW } from '../../channels/index.ts';
import { call } from '../../runtime/index.ts';
import { settle } from '../../runtime/testkit/index.ts';
import type { ModerationAct } from '../types.ts';
import { ClientModel } from './test/client-model.ts';
import { EVERYBODY, RoomRig, value } from './test/kit.ts';

const PEOPLE = 5;
const LISTENER = PERM_VIEW | PERM_CONNECT;

const uid = fc.integer({ min: 1, max: PEOPLE });
const on = fc.boolean();
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('join' as const), uid }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('elsewhere' as const), uid }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('produce' as const), uid }) },
  fc.record({ what: fc.constantFrom('leave', 'close', 'lose', 'back', 'late' as const), uid }),
  fc.record({
    what: fc.constantFrom('pause', 'mute', 'deaf', 'silence', 'speak' as const),
    uid,
    on,
  }),
  fc.record({ what: fc.constantFrom('disconnect', 'kick', 'forgive' as const), uid }),
  fc.record({ what: fc.constantFrom('die', 'hold', 'release', 'stage', 'open', 'wait' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class World {
  readonly rig: RoomRig;
  readonly clients = new Map<number, ClientModel>();
  readonly #lost = new Set<number>();
  readonly #pending: Promise<unknown>[] = [];
  #read = 0;
  #nonce = 0;
  #connNo = 1;

  constructor(rig: RoomRig) {
    this.rig = rig;
  }

  async run(step: Step): Promise<void> {
    if (!('uid' in step)) await this.#world(step.what);
    else if (step.what === 'join') this.#begin(this.#join(step.uid, `s${step.uid}`));
    else if (step.what === 'elsewhere') {
      this.#nonce += 1;
      this.#begin(this.#join(step.uid, `other${this.#nonce}`));
    } else if (step.what === 'kick') this.rig.guilds.change(step.uid, 0);
    else if (step.what === 'forgive') this.rig.guilds.change(step.uid, EVERYBODY);
    else if (step.what === 'speak') {
      this.rig.guilds.change(step.uid, step.on ? EVERYBODY : LISTENER);
    } else this.#member(step);
    await settle();
    this.#hear();
  }

  /** Everything that waits is answered, everybody is connected and has media again. */
  async rest(): Promise<void> {
    this.rig.pool.release();
    await Promise.all(this.#pending);
    await settle();
    this.#hear();
    for (const uid of this.#lost) await this.#sync(uid);
    for (const { isUnbuilt, who } of this.clients.values()) {
      if (isUnbuilt) await this.#join(who.uid, who.session);
    }
    await settle();
    this.#hear();
  }

  async check(): Promise<void> {
    const roster = value(await call(this.rig.room, 'roster', { uid: 99 }));
    const { consumers, openTransports, producers } = this.rig.pool.rooms.at(-1) ?? NOTHING;
    const people = [...this.clients.values()];
    expect(roster.map(([id]) => id).sort()).toEqual(people.map(({ who }) => who.uid).sort());
    for (const client of people) {
      const byUid = (a: readonly unknown[], b: readonly unknown[]) => Number(a[0]) - Number(b[0]);
      expect([...client.participants()].sort(byUid)).toEqual([...roster].sort(byUid));
      const heard = consumers.filter(({ owner }) => owner === client.who.vsid);
      expect(heard).toHaveLength(client.consumers.size);
      const others = roster.filter(([id]) => id !== client.who.uid);
      const pids = others.flatMap(([, , list]) => list.map(([pid]) => pid));
      expect([...client.consumers.values()].sort()).toEqual(pids.sort());
    }
    const shown = roster.flatMap(([, , list]) => list);
    expect(producers).toHaveLength(shown.length);
    const vsids = people.map(({ who }) => who.vsid);
    for (const { owner } of openTransports) expect(vsids).toContain(owner);
    expect(this.rig.registry.figures()).toMatchObject({
      ...{ participantsNow: roster.length, producersNow: producers.length },
      consumersNow: consumers.length,
    });
  }

  async #world(what: 'die' | 'hold' | 'release' | 'stage' | 'open' | 'wait'): Promise<void> {
    const { guilds, pool } = this.rig;
    if (what === 'die') pool.rooms.at(-1)?.die();
    else if (what === 'hold') pool.hold();
    else if (what === 'release') pool.release();
    else if (what === 'wait') await this.rig.advance(800);
    else guilds.configure({ mode: what });
  }

  async #join(uid: number, session: string): Promise<void> {
    const joined = await this.rig.tryJoin(uid, { session, connNo: this.#connNo });
    if (!joined.ok) return;
    // What was told before this answer was told to the membership before.
    this.#hear();
    this.#lost.delete(uid);
    const who = { uid, session, vsid: joined.value.vsid, joined: joined.value };
    const client = new ClientModel(who);
    // What was heard already is older than the answer, or was overtaken by it on the way to this test.
    for (const m of this.rig.main.heard.slice(0, this.#read)) {
      if (m.vsids.includes(who.vsid)) client.take(m);
    }
    if (!client.isEnded) this.clients.set(uid, client);
  }

  #member(step: Extract<Step, { uid: number }>): void {
    const client = this.clients.get(step.uid);
    if (client === undefined || this.#lost.has(step.uid)) {
      if (step.what === 'back' && client !== undefined) this.#begin(this.#sync(step.uid));
      return;
    }
    const { who } = client;
    const state = { mute: false, deaf: false };
    const { rig } = this;
    if (step.what === 'produce') this.#begin(rig.tryProduce(who, { cnonce: this.#next() }));
    else if (step.what === 'leave') {
      this.#begin(rig.ask(who, 'leave', {}));
      this.clients.delete(step.uid);
    } else if (step.what === 'lose') {
      rig.tell(who, 'connectionLost', { connNo: this.#connNo });
      this.#lost.add(step.uid);
    } else if (step.what === 'late') rig.tell(who, 'connectionLost', { connNo: 0 });
    else if (step.what === 'mute') this.#begin(rig.ask(who, 'state', { ...state, mute: step.on }));
    else if (step.what === 'deaf') this.#begin(rig.ask(who, 'state', { ...state, deaf: step.on }));
    else if (step.what === 'silence') this.#moderate(step.uid, { kind: 'mute', on: step.on });
    else if (step.what === 'disconnect') this.#moderate(step.uid, { kind: 'disconnect' });
    else this.#ownProducer(client, step);
  }

  #ownProducer(client: ClientModel, step: Extract<Step, { uid: number }>): void {
    const own = client.participants().find(([id]) => id === step.uid);
    const id = own?.[2][0]?.[0];
    if (id === undefined) return;
    const { who } = client;
    if (step.what === 'close') this.#begin(this.rig.ask(who, 'close', { id }));
    if (step.what === 'pause') this.#begin(this.rig.ask(who, 'pause', { id, paused: step.on }));
  }

  #moderate(target: number, act: ModerationAct): void {
    this.#begin(call(this.rig.room, 'moderate', { by: 9, target, act }));
  }

  async #sync(uid: number): Promise<void> {
    const client = this.clients.get(uid);
    if (client === undefined) return;
    this.#hear();
    this.#connNo += 1;
    const tids = [client.who.joined.bundle?.send?.tid, client.who.joined.bundle?.receive.tid];
    const synced = await this.rig.ask(client.who, 'sync', {
      ...{ gateway: this.rig.main.ref, connNo: this.#connNo },
      ...{ tids, pids: [], cids: [...client.consumers.keys()] },
    });
    this.#lost.delete(uid);
    if (!synced.ok) {
      this.clients.delete(uid);
      return;
    }
    const { lostCids, lostTids, participants, ver } = synced.value;
    client.replace(participants, ver);
    for (const cid of lostCids) client.consumers.delete(cid);
    client.isUnbuilt = lostTids.length > 0;
    this.#hear();
  }

  /** Hands on what came since the last time. */
  #hear(): void {
    const { heard } = this.rig.main;
    for (; this.#read < heard.length; this.#read += 1) {
      const m = heard[this.#read];
      if (m === undefined) return;
      for (const [uid, client] of this.clients) {
        if (!m.vsids.includes(client.who.vsid)) continue;
        client.take(m);
        if (client.isEnded) this.clients.delete(uid);
      }
    }
  }

  #next(): string {
    this.#nonce += 1;
    return `n${this.#nonce}`;
  }

  #begin(work: Promise<unknown>): void {
    this.#pending.push(work);
  }
}

const NOTHING = { consumers: [], openTransports: [], producers: [] };

test('Room: whatever happens, rosters agree and the media worker holds what they show', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const rig = await new RoomRig({ opsQueuedMax: 1000 }).start();
      const world = new World(rig);
      for (const each of steps) await world.run(each);
      await world.rest();
      await world.check();
      await rig.stop();
    }),
    { numRuns: 300 },
  );
}, 120_000);
