/** Member windows of a gateway thread, on fake sockets: what a connection is told, and when. */
import { expect, test } from 'vitest';
import type { FanOutP, WindowView } from '../channels/index.ts';
import type { Ref } from '../runtime/index.ts';
import { Connection, Phase } from './connection.ts';
import type { Failure } from './failures.ts';
import { createMetrics } from './metrics.ts';
import { decodeFrame, type Encoding, Err, encodeMp, type WireValue } from './protocol/index.ts';
import { Shedding } from './shedding.ts';
import { FakeClock, FakeNet, FakeSocket } from './test/fake-net.ts';
import { createFakePresence } from './test/fake-presence.ts';
import { Windows } from './windows.ts';

type AnyFrame = readonly WireValue[];

const GID = 77;
const OUTBOUND = { depthMax: 8, valuesMax: 65_535 };
const guildRef = (n: number): Ref<unknown> => n as unknown as Ref<unknown>;

class Rig {
  readonly clock = new FakeClock();
  readonly net = new FakeNet();
  readonly metrics = createMetrics();
  readonly shedding = new Shedding();
  readonly upstream = createFakePresence();
  readonly windows: Windows;
  #lastNo = 0;

  constructor() {
    const { clock, metrics, net, shedding, upstream } = this;
    this.windows = new Windows({ clock, metrics, publish: net.publish, shedding, upstream });
  }

  connect(uid = 1, encoding: Encoding = 'mp'): Client {
    this.#lastNo += 1;
    const host = { pressed: noop, ending: noop, erred: noop, nowS: () => 0 };
    const connection = new Connection(this.#lastNo, encoding, 'test', host);
    const socket = new FakeSocket(this.net);
    connection.opened(socket);
    socket.onClosed = (code) => connection.closed(code);
    connection.uid = uid;
    connection.phase = Phase.READY;
    return new Client(connection, socket);
  }

  open(client: Client, gid = GID): (Uint8Array | Failure)[] {
    const answers: (Uint8Array | Failure)[] = [];
    const request = { rid: 5, gid, from: 0, count: 100 };
    this.windows.open(client.connection, request, (answer) => {
      answers.push(answer);
      if (answer instanceof Uint8Array) client.connection.send(answer);
    });
    return answers;
  }

  /** The newest request that was sent to a guild. */
  get asked(): { readonly token: number; readonly leavesMax: number } {
    const asks = this.upstream.heard.filter(({ op }) => op === 'windowOpen');
    return asks.at(-1)?.args[1] as { token: number; leavesMax: number };
  }

  answer(leaves: readonly number[], token = this.asked.token, guild = 9, ver = 1): void {
    const value: WindowView = {
      ver: 1,
      groups: [[GID, leaves.length]],
      leaves: leaves.map((leaf, index) => ({ leaf, ver, index, entries: [row(leaf)] })),
    };
    const result = { ok: true, value } as const;
    this.windows.windowOpened({ gid: GID, token, guild: guildRef(guild), result });
  }

  change(leaves: readonly number[], ver: number, moves: Moves = []): void {
    const frames = leaves.map((leaf) => ({ leaf, ver, frame: mwin(leaf, ver) }));
    this.windows.leaves({ gid: GID, moves, frames });
  }

  closed(): readonly (readonly [number, readonly number[]])[] {
    return this.upstream.heard
      .filter(({ op }) => op === 'windowClose')
      .map(({ args }) => [args[1] as number, args[2] as readonly number[]] as const);
  }

  ticks(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.clock.advance(500);
      this.windows.tick();
    }
  }
}

type Moves = Parameters<FanOutP['leaves']>[0]['moves'];

class Client {
  readonly connection: Connection;
  readonly socket: FakeSocket;

  constructor(connection: Connection, socket: FakeSocket) {
    this.connection = connection;
    this.socket = socket;
  }

  /** `[leaf, ver, rows]` of each MWIN so far; 'OK' for the answer. */
  get told(): readonly (string | readonly [number, number, number])[] {
    return this.socket.wire.map((bytes) => {
      const decoded = decodeFrame(bytes, this.connection.encoding, OUTBOUND);
      if (!decoded.ok) throw new Error(decoded.why);
      const [op, , , leaf, ver, entries] = decoded.frame;
      if (op === 4) return 'OK';
      return [leaf as number, ver as number, (entries as AnyFrame).length] as const;
    });
  }
}

function row(leaf: number): readonly [number, string, number, 1] {
  return [leaf, `n${leaf}`, GID, 1];
}

function mwin(leaf: number, ver: number, rows = 1): Uint8Array {
  return encodeMp([22, GID, 0, leaf, ver, new Array(rows).fill(row(leaf))]);
}

function noop(): void {
  // Nobody else is on this thread.
}

test.each<Encoding>(['mp', 'json'])(
  'open, %s: the OK, then every change of its leaves',
  (encoding) => {
    const rig = new Rig();
    const client = rig.connect(1, encoding);
    rig.open(client);
    expect(rig.asked.leavesMax).toBe(5);
    rig.answer([1, 2]);
    rig.change([2, 3], 2);
    expect(client.told).toEqual(['OK', [2, 2, 1]]);
    // Leaf 3 is shown to nobody here.
    expect(rig.closed()).toEqual([[1, [3]]]);
  },
);

test('open: no answer, asked again each second and refused after four; a late answer is given back', () => {
  const rig = new Rig();
  const client = rig.connect();
  const answers = rig.open(client);
  const { token } = rig.asked;
  rig.ticks(7);
  expect(rig.upstream.heard.filter(({ op }) => op === 'windowOpen')).toHaveLength(4);
  rig.ticks(1);
  expect(answers).toEqual([{ code: Err.UNAVAILABLE, retryMs: 500 }]);
  rig.answer([1, 2], token);
  rig.ticks(1);
  expect(rig.closed()).toEqual([[token, [1, 2]]]);
  expect(client.told).toEqual([]);
  expect(rig.metrics.leavesNow).toBe(0);
});

test('open: not a member, 301; over five leaves with those of other guilds, 411', () => {
  const rig = new Rig();
  const client = rig.connect();
  const answers = rig.open(client);
  const refused = { ok: false, code: 'not_found' } as const;
  const { token } = rig.asked;
  rig.windows.windowOpened({ gid: GID, token, guild: guildRef(9), result: refused });
  expect(answers).toEqual([{ code: Err.FORBIDDEN_OR_ABSENT }]);
  rig.open(client);
  rig.answer([1, 2, 3, 4, 5]);
  expect(rig.open(client, GID + 1)).toEqual([{ code: Err.STREAM_LIMIT }]);
  rig.windows.close(client.connection, GID);
  rig.open(client, GID + 1);
  expect(rig.asked.leavesMax).toBe(5);
});

test('leaves: a split is followed, a merge ends one leaf and shows the other', () => {
  const rig = new Rig();
  const [left, right] = [rig.connect(), rig.connect()];
  for (const [client, leaf] of [
    [left, 1],
    [right, 2],
  ] as const) {
    rig.open(client);
    rig.answer([leaf]);
  }
  rig.change([1, 7], 2, [{ type: 'split', leaf: 1, to: 7 }]);
  expect(left.told.slice(1)).toEqual([
    [1, 2, 1],
    [7, 2, 1],
  ]);
  expect(right.told).toEqual(['OK']);
  const frame = mwin(2, 2, 0);
  rig.change([1], 3, [{ type: 'merge', leaf: 2, to: 1, frame }]);
  expect(right.told.slice(1)).toEqual([
    [2, 2, 0],
    [1, 3, 1],
  ]);
  rig.change([7], 3);
  expect([left.told.at(-1), right.told.at(-1)]).toEqual([
    [7, 3, 1],
    [1, 3, 1],
  ]);
});

test('leaves: splits beyond ten leaves of a connection, told to open its window anew', () => {
  const rig = new Rig();
  const client = rig.connect();
  rig.open(client);
  rig.answer([1]);
  for (let to = 2; to <= 11; to += 1) rig.change([to], to, [{ type: 'split', leaf: 1, to }]);
  expect(rig.metrics.windowsCut).toBe(1);
  expect(client.told.at(-1)).toEqual([11, 0, 0]);
});

test('lag mode: nothing meanwhile, then the leaves as they are and what is gone', () => {
  const rig = new Rig();
  const client = rig.connect();
  rig.open(client);
  rig.answer([1, 2, 3]);
  client.connection.laggingSinceS = 0;
  rig.windows.lag(client.connection);
  rig.change([1], 2);
  rig.change([1], 3, [{ type: 'merge', leaf: 2, to: 1, frame: mwin(2, 2, 0) }]);
  expect(client.told).toEqual(['OK']);
  client.connection.laggingSinceS = -1;
  rig.windows.caughtUp(client.connection);
  expect(client.told.slice(1)).toEqual([
    [2, 2, 0],
    [1, 3, 1],
  ]);
  rig.change([1, 3], 4);
  expect(client.told.slice(3)).toEqual([
    [1, 4, 1],
    [3, 4, 1],
  ]);
});

test('pressure: leaves are put off, and shown as they are when it is over', () => {
  const rig = new Rig();
  const client = rig.connect();
  rig.open(client);
  rig.answer([1]);
  rig.shedding.level = 2;
  rig.change([1], 2);
  rig.change([1], 3);
  rig.ticks(1);
  expect([client.told, rig.metrics.leavesShed]).toEqual([['OK'], 2]);
  rig.shedding.level = 1;
  rig.ticks(2);
  expect(client.told.slice(1)).toEqual([[1, 3, 1]]);
});

test('down: the windows of a guild that ended are opened anew, the client hears what is new', () => {
  const rig = new Rig();
  const client = rig.connect();
  rig.open(client);
  rig.answer([1, 2]);
  rig.windows.down(guildRef(9));
  rig.ticks(1);
  expect(rig.metrics.windowsReopened).toBe(1);
  rig.answer([31, 32], rig.asked.token, 10, 8);
  expect(client.told.slice(1)).toEqual([
    [1, 2, 0],
    [2, 2, 0],
    [31, 8, 1],
    [32, 8, 1],
  ]);
  rig.change([31], 9);
  expect(client.told.at(-1)).toEqual([31, 9, 1]);
});

test('rebind: the guild lives on and gives the same leaves, they go on', () => {
  const rig = new Rig();
  const client = rig.connect();
  rig.open(client);
  rig.answer([1, 2]);
  rig.windows.rebind();
  rig.ticks(1);
  rig.answer([1, 3], rig.asked.token, 9, 4);
  expect(client.told.slice(1)).toEqual([
    [2, 2, 0],
    [1, 4, 1],
    [3, 4, 1],
  ]);
  rig.change([1, 3], 5);
  expect(client.told.slice(4)).toEqual([
    [1, 5, 1],
    [3, 5, 1],
  ]);
});

test('down: the new guild does not answer, or refuses, asked again or ended', () => {
  const rig = new Rig();
  const client = rig.connect();
  rig.open(client);
  rig.answer([1]);
  rig.windows.down(guildRef(9));
  rig.ticks(1);
  const first = rig.asked.token;
  rig.ticks(10);
  expect(rig.asked.token).toBeGreaterThan(first);
  const { token } = rig.asked;
  const refused = { ok: false, code: 'not_found' } as const;
  rig.windows.windowOpened({ gid: GID, token, guild: guildRef(10), result: refused });
  rig.ticks(2);
  expect(rig.metrics.windowsNow).toBe(0);
});

test('removeAll, windowEnd: leaves that nobody shows are given back', () => {
  const rig = new Rig();
  const [one, two] = [rig.connect(1), rig.connect(2)];
  for (const client of [one, two]) {
    rig.open(client);
    rig.answer([1]);
  }
  rig.windows.removeAll(one.connection);
  rig.ticks(1);
  expect(rig.closed()).toEqual([]);
  rig.windows.windowEnd({ gid: GID, uid: 2 });
  rig.ticks(1);
  expect(rig.closed()).toEqual([[2, [1]]]);
  rig.change([1], 2);
  expect([one.told, two.told]).toEqual([['OK'], ['OK']]);
});
