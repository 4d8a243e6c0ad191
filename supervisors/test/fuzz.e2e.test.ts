/**
 * A byte-mutation fuzzer seeded from valid frames against a live server (protocol.md 3, last paragraph): every
 * connection ends in an answer, a close 45xx or 1006; no error in the log. LONG=1 runs it for a minute.
 */
import { expect, test } from 'vitest';
import { useServer } from './support/fixture.ts';
import { ENCODINGS, type Encoding, encode, nowMs } from './support/raw-client.ts';
import { Seeded } from './support/seeded.ts';
import { OP, type WireFrame } from './support/wire.ts';
import { Witness } from './support/witness.ts';

const BUDGET_MS = process.env.LONG === '1' ? 60_000 : 4_000;
const LAST_RID = 4_000_000_000;
const fixture = useServer({ users: 3 });

function seeds(): WireFrame[] {
  const { sid, gid } = fixture;
  return [
    [OP.time, 1],
    [OP.identify, 1, fixture.token(2), null, 'fuzz', 0, null],
    [OP.sub, 2, [[sid], [gid, 5, 6, 7]]],
    [OP.unsub, 3, [sid, gid]],
    [OP.append, 4, sid, 'fuzz-1', 1, 'hello \u00e9\u{1f600}', 1, 1, []],
    [OP.append, 5, sid, 'fuzz-2', 2, 1, 'edited'],
    [OP.append, 6, sid, 'fuzz-3', 4, 1, '\u{1f44d}'],
    [OP.history, 7, sid, 0, 10, 10],
    [OP.sync, 8, [[sid, 1, 2]]],
    [OP.guild, 9, gid],
    [OP.reauth, 10, fixture.token(2), null],
    [200, 11, 'unknown', [1, [2]]],
  ];
}

/** One to four random changes: flip, insert, remove, cut, double. */
function mutate(chance: Seeded, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let left = chance.between(1, 4); left > 0; left -= 1) {
    const at = chance.between(0, Math.max(0, result.length - 1));
    const kind = chance.between(0, 5);
    if (kind <= 1 && result.length > 0) result[at] = chance.between(0, 255);
    else if (kind === 2)
      result = Buffer.concat([
        result.subarray(0, at),
        Buffer.of(chance.between(0, 255)),
        result.subarray(at),
      ]);
    else if (kind === 3) result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1)]);
    else if (kind === 4) result = result.subarray(0, at);
    else result = Buffer.concat([result, result.subarray(at)]);
  }
  return result;
}

/** How a connection took one mutated payload: `answered`, or its close code. */
async function outcome(
  encoding: Encoding,
  payload: Buffer,
  identified: boolean,
): Promise<string | number> {
  const client = identified ? await fixture.client(2, encoding) : await fixture.connect(encoding);
  const reply = client
    .waitFor((frame) => frame[1] === LAST_RID, 'the request after it', 8000)
    .then(() => 'answered');
  client.sendPayload(payload);
  client.send([OP.time, LAST_RID]);
  const end = client.closed.then(({ code }) => code);
  const first = await Promise.race([reply.catch(() => end), end]);
  client.socket.cut();
  return first;
}

test(
  'mutated frames: every one is answered, or closed with 45xx or 1006',
  async () => {
    const chance = Seeded.forTest('fuzz');
    const witness = await Witness.start(fixture, 'fuzz-witness');
    const counts = new Map<string | number, number>();
    const end = nowMs() + BUDGET_MS;
    while (nowMs() < end) {
      const round = Array.from({ length: 8 }, async () => {
        const encoding = chance.pick(ENCODINGS);
        const payload = mutate(chance, encode(encoding, chance.pick(seeds())));
        const identified = chance.between(0, 9) > 0;
        const result = await outcome(encoding, payload, identified);
        counts.set(result, (counts.get(result) ?? 0) + 1);
        // Bad UTF-8 in a text message is refused natively; nothing else may be.
        const native = encoding === 'json' && result === 1006;
        const refused = typeof result === 'number' && result >= 4500 && result <= 4599;
        const fine = result === 'answered' || native || refused;
        if (!fine)
          throw new Error(
            `${encoding} ${identified} ${payload.toString('hex')}: ended with ${result}`,
          );
      });
      await Promise.all(round);
    }
    console.log(`fuzz: ${JSON.stringify([...counts])}`);
    expect(await witness.verdict()).toEqual([]);
    const levels = fixture.server
      .output()
      .trim()
      .split('\n')
      .filter((line) => /"level":[56]0/.test(line));
    expect(levels).toEqual([]);
  },
  BUDGET_MS + 60_000,
);
