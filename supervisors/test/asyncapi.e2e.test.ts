/**
 * The AsyncAPI document as served, against the frames of the real server and the seeds of the fuzzer: every one of them
 * fits the message that the document has for it. So a client that is generated from it can read what comes.
 */
import { describe, expect, test } from 'vitest';
import { seedFrames } from './fuzz/seeds.ts';
import { useServer } from './support/fixture.ts';
import { type Schema, schemaFaults } from './support/json-schema.ts';
import { unpack } from './support/raw-client.ts';
import { OP, type WireFrame } from './support/wire.ts';

interface Message {
  readonly payload: Schema;
  readonly 'x-opcode': number;
  readonly 'x-kind'?: number;
}
type Messages = Readonly<Record<string, Message>>;

const fixture = useServer({ users: 2 });

async function messages(): Promise<Messages> {
  const { status, body } = await fixture.http.raw('/api/v1/asyncapi.json');
  expect(status).toBe(200);
  return (body as { components: { messages: Messages } }).components.messages;
}

/** Name of the message of an opcode, of a kind of event, or of a reply to it. */
function nameOf(all: Messages, opcode: number, kind?: number): string | undefined {
  const entry = Object.entries(all).find(
    ([name, one]) =>
      one['x-opcode'] === opcode && one['x-kind'] === kind && !name.startsWith('OK_'),
  );
  return entry?.[0];
}

test('openapi and asyncapi: the one lists the other', async () => {
  const { body } = await fixture.http.raw('/api/v1/openapi.json');
  expect(Object.keys((body as { paths: object }).paths)).toContain('/api/v1/asyncapi.json');
});

test('seeds of the fuzzer: each fits its message; a wrong type does not', async () => {
  const all = await messages();
  const world = { token: fixture.token(0), uid: 1, gid: fixture.gid, sid: fixture.sid };
  let checked = 0;
  for (const frame of seedFrames(world)) {
    const name = nameOf(all, frame[0] as number);
    if (name === undefined) continue;
    checked += 1;
    expect(schemaFaults(all[name]!.payload, frame), name).toEqual([]);
  }
  expect(checked).toBeGreaterThan(20);
  expect(schemaFaults(all.MARK!.payload, [37, 1, 'text', 1])).not.toEqual([]);
  expect(schemaFaults(all.MARK!.payload, [37, 1])).not.toEqual([]);
});

describe('frames of the server', () => {
  test('requests of every kind: replies and events fit theirs', async () => {
    const all = await messages();
    const [client, other] = [await fixture.client(0, 'json'), await fixture.client(1, 'json')];
    const { sid, gid } = fixture;
    await client.sub([[sid], [client.userSid]]);
    await other.sub([[sid]]);
    const asked: WireFrame[] = [
      [OP.time],
      [
        OP.append,
        sid,
        'a-1',
        1,
        `hello <@${other.uid}>`,
        null,
        0,
        [['a', 'b.png', 1, 'image/png']],
      ],
      [OP.append, sid, 'a-2', 2, 1, 'hello again'],
      [OP.append, sid, 'a-3', 4, 1, '\u{1f44d}'],
      [OP.history, sid, 0, 50, 0],
      [OP.sync, [[sid, 1, 1]]],
      [37, sid, 1],
      [39, 2, 'reading'],
      [40, gid, 0, 0, 50],
      [42, gid, [client.uid, other.uid], null, 10],
      [41, gid, 0],
      [OP.guild, gid],
      [OP.sub, [[1]]],
      [OP.unsub, [1]],
      [OP.history, 1, 0, 1, 1],
    ];
    const replies: string[] = [];
    for (const [op, ...args] of asked) {
      const reply = await client.request(op as number, args);
      const name = reply[0] === OP.ok ? `OK_${nameOf(all, op as number)}` : 'ERR';
      replies.push(name);
      expect(schemaFaults(all[name]!.payload, reply), name).toEqual([]);
    }
    expect(replies.filter((name) => name === 'ERR')).toEqual(['ERR']);
    const received = [client, other]
      .flatMap((one) => one.log)
      .filter((one) => one.dir === 'received');
    const events = received.flatMap((one) => unpack(one.frame));
    const kinds = new Set<number>();
    for (const frame of events) {
      const [op] = frame as readonly number[];
      const kind = op === OP.ev ? (frame[5] as number) : undefined;
      if (kind !== undefined) kinds.add(kind);
      const name = nameOf(all, op!, kind) ?? nameOf(all, op!);
      if (op === OP.ok) continue;
      expect(schemaFaults(all[name!]!.payload, frame), name).toEqual([]);
    }
    expect([...kinds].sort()).toEqual([1, 2, 4]);
  });
});
