/**
 * Presence when threads of the server die: who is online is known again, who left meanwhile is told,
 * open member windows come to equal the list (I19), and no socket closes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Members, makeMembers } from './support/crowd.ts';
import { FaultServer } from './support/fault-control.ts';
import { ENCODINGS, RawClient } from './support/raw-client.ts';
import { until } from './support/server-process.ts';
import type { WireFrame } from './support/wire.ts';

const USERS = 6;
const [MWIN, MWIN_OPEN, MEMBERS, OK] = [22, 40, 42, 4];
/** Debounce of 10 s, 12 s until a guild asks again, and what a slow machine adds. */
const SETTLED_MS = 45_000;

let server: FaultServer;
let members: Members;
const clients: RawClient[] = [];

beforeAll(async () => {
  server = await FaultServer.start();
  members = await makeMembers(server.process.port, USERS, 1);
}, 60_000);

afterAll(async () => {
  for (const client of clients) client.socket.cut();
  await server.dispose();
}, 30_000);

async function online(i: number): Promise<RawClient> {
  const encoding = ENCODINGS[i % 2] ?? 'mp';
  const client = await RawClient.open({ port: server.process.port, encoding });
  clients.push(client);
  await client.identify(members.logins[i]?.accessToken ?? '');
  return client;
}

/** Users that MEMBERS shows as online. */
async function shown(client: RawClient, uids: readonly number[]): Promise<number[]> {
  const reply = await client.request(MEMBERS, [members.gid, uids, null, 100]);
  if (reply[0] !== OK) return [];
  return (reply[2] as readonly WireFrame[]).filter((m) => m[5] !== 0).map((m) => m[0] as number);
}

/** Users that the open window shows as online, by the frames so far. */
function inWindow(client: RawClient, opened: WireFrame): number[] {
  const leaves = new Map<unknown, readonly WireFrame[]>();
  for (const [leaf, , , rows] of opened[4] as readonly WireFrame[]) {
    leaves.set(leaf, rows as readonly WireFrame[]);
  }
  for (const [op, , , leaf, , rows] of client.received()) {
    if (op === MWIN) leaves.set(leaf, rows as readonly WireFrame[]);
  }
  return [...leaves.values()]
    .flat()
    .flatMap(([uid, , , status]) => (status === 0 ? [] : [uid as number]));
}

const sorted = (uids: readonly number[]): number[] => [...uids].sort((a, b) => a - b);

test('each shard thread dies: all who are online are known again, who left is told', async () => {
  const all: RawClient[] = [];
  for (let i = 0; i < USERS; i += 1) all.push(await online(i));
  const uids = all.map((client) => client.uid);
  const viewer = all[0] as RawClient;
  const opened = await viewer.request(MWIN_OPEN, [members.gid, 0, 0, 100]);
  expect(opened[0]).toBe(OK);
  await until('everybody online', SETTLED_MS, async () => {
    return (await shown(viewer, uids)).length === USERS || undefined;
  });
  // One of the two is home of the guild: with the other its list lives on, and has to hear of the end.
  for (const slot of ['shard-0', 'shard-1']) {
    const before = await server.incarnation(slot);
    await server.do({ op: 'terminate', slot });
    all.pop()?.socket.cut();
    await until(`another ${slot}`, SETTLED_MS, async () => {
      return (await server.incarnation(slot)) > before || undefined;
    });
    const there = sorted(all.map((client) => client.uid));
    await until(`MEMBERS and the window with who is left, ${slot}`, SETTLED_MS, async () => {
      const known = sorted(await shown(viewer, uids));
      const window = sorted(inWindow(viewer, opened));
      return (`${known}` === `${there}` && `${window}` === `${there}`) || undefined;
    });
  }
  for (const client of all) expect(client.isOpen).toBe(true);
}, 180_000);
