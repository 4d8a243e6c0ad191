/** Mentions of a stream: who is told, exactly once, whatever dies or is away meanwhile. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pad } from './ids.ts';
import { namedIn } from './stream-mentions.ts';
import { OWNER, SID, StreamRig } from './test/kit.ts';
import type { Id, Seq } from './types.ts';

const ANN = 12;
const BOB = 13;
const STRANGER = 14;
const TICK_MS = 1000;

/** `uid: seqs` told so far. */
function told(rig: StreamRig): Record<Id, Seq[]> {
  const by: Record<Id, Seq[]> = {};
  for (const { uid, event } of rig.emitted.values()) {
    by[uid] ??= [];
    by[uid].push(event.body[1] as Seq);
  }
  for (const seqs of Object.values(by)) seqs.sort((a, b) => a - b);
  return by;
}

async function makeRig(): Promise<StreamRig> {
  const rig = await new StreamRig().start();
  rig.perms.set(STRANGER, 0);
  return rig;
}

async function docs(rig: StreamRig): Promise<unknown[]> {
  const kinds = ['mentions', 'mentionsDue'];
  const found = await Promise.all(kinds.map((kind) => rig.store.docs.get(kind, [pad(SID)])));
  return found.map(([doc]) => doc?.value);
}

test('namedIn: users as <@UID>, the first 20 distinct, nothing else', () => {
  expect(namedIn('<@7> hi <@8>, <@7> <@> <@x> <@0> @9 <@ 9> <@99999999999999999>')).toEqual([7, 8]);
  const many = Array.from({ length: 30 }, (_, i) => `<@${i + 1}>`).join(' ');
  expect(namedIn(many)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test('mention: those who may view, not the author, with the author as actor', async () => {
  const rig = await makeRig();
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}> <@${STRANGER}> <@${OWNER}>`]);
  await rig.append(ANN, 'n2', 1, ['nobody']);
  await rig.append(ANN, 'n3', 1, [`<@${OWNER}>`]);
  await rig.clock.advance(TICK_MS);
  expect(told(rig)).toEqual({ [ANN]: [1], [OWNER]: [3] });
  const [first] = rig.emitted.values();
  expect(first?.event).toMatchObject({ uid: OWNER, kind: 44, body: [SID, 1] });
});

test('mention of everyone: all whom the guild names but the author', async () => {
  const rig = await makeRig();
  rig.everyone = [OWNER, ANN, BOB];
  await rig.append(OWNER, 'n1', 1, ['all of you', null, 2]);
  await rig.clock.advance(TICK_MS);
  expect(told(rig)).toEqual({ [ANN]: [1], [BOB]: [1] });
});

test('mention: only kind 1 counts, and what was deleted before the look does not', async () => {
  const rig = await makeRig();
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  await rig.append(OWNER, 'n2', 1, ['x']);
  await rig.append(OWNER, 'n3', 2, [2, `<@${BOB}>`]);
  await rig.append(OWNER, 'n4', 3, [1]);
  await rig.clock.advance(TICK_MS);
  // An edit is no mention of its own; the message is judged as it stands at the look.
  expect(told(rig)).toEqual({ [BOB]: [2] });
});

test('crash between commit and emit: the next owner tells it, without a message in between', async () => {
  const rig = await makeRig();
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  expect(told(rig)).toEqual({});
  await rig.restart();
  expect(told(rig)).toEqual({ [ANN]: [1] });
});

test('crash after emit: told again at most to the log, which knows the nonce; then not even that', async () => {
  const rig = await makeRig();
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  await rig.clock.advance(TICK_MS);
  expect(await docs(rig)).toEqual([{ seq: 1 }, undefined]);
  rig.emitted.clear();
  await rig.restart();
  expect(told(rig)).toEqual({});
});

test('a user stream is away: others are told, this one later, over a crash long after', async () => {
  const rig = await makeRig();
  rig.usersDown.add(ANN);
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}> <@${BOB}>`]);
  await rig.clock.advance(TICK_MS);
  expect(await docs(rig)).toEqual([{ seq: 0 }, {}]);
  for (let i = 2; i <= 40; i += 1) {
    await rig.append(OWNER, `n${i}`, 1, [i === 40 ? `<@${BOB}>` : 'x']);
    await rig.clock.advance(TICK_MS);
  }
  expect(told(rig)).toEqual({ [BOB]: [1, 40] });
  expect(rig.core.idle).toBe(false);
  await rig.restart();
  rig.usersDown.clear();
  await rig.clock.advance(TICK_MS);
  expect(told(rig)).toEqual({ [ANN]: [1], [BOB]: [1, 40] });
  await rig.clock.advance(TICK_MS);
  expect(await docs(rig)).toEqual([{ seq: 40 }, undefined]);
  expect(rig.core.idle).toBe(true);
});

test('one cannot be told, the next one takes for ever: a crash meanwhile forgets neither', async () => {
  const rig = await makeRig();
  const { emit } = rig.ports.notices;
  rig.usersDown.add(ANN);
  rig.ports.notices.emit = (uid, event) =>
    uid === BOB ? new Promise(() => undefined) : emit(uid, event);
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  await rig.append(OWNER, 'n2', 1, [`<@${BOB}>`]);
  await rig.clock.advance(TICK_MS);
  expect(await docs(rig)).toEqual([{ seq: 0 }, {}]);
  await rig.clock.advance(20_000);
  await rig.append(OWNER, 'n3', 1, ['later']);
  rig.usersDown.clear();
  rig.ports.notices.emit = emit;
  await rig.restart();
  await rig.clock.advance(TICK_MS);
  expect(told(rig)).toEqual({ [ANN]: [1], [BOB]: [2] });
});

test('remove: of a stream that sleeps, what a new owner would have read goes all the same', async () => {
  const rig = await makeRig();
  rig.usersDown.add(ANN);
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  await rig.clock.advance(TICK_MS);
  rig.log.down = true;
  await rig.restart();
  rig.log.down = false;
  await new Promise<void>((resolve) => rig.core.remove(() => resolve()));
  expect(await docs(rig)).toEqual([undefined, undefined]);
});

test('remove: what a new owner would have read goes with the stream', async () => {
  const rig = await makeRig();
  rig.usersDown.add(ANN);
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  await rig.clock.advance(TICK_MS);
  await new Promise<void>((resolve) => rig.core.remove(() => resolve()));
  await rig.clock.advance(5 * TICK_MS);
  expect(await docs(rig)).toEqual([undefined, undefined]);
});

test('the guild is away: nobody is told, and nobody is forgotten', async () => {
  const rig = await makeRig();
  await rig.append(OWNER, 'n1', 1, [`<@${ANN}>`]);
  await rig.append(OWNER, 'n2', 1, ['all', null, 2]);
  rig.guildDown = true;
  await rig.clock.advance(3 * TICK_MS);
  expect(told(rig)).toEqual({});
  rig.guildDown = false;
  rig.everyone = [OWNER, BOB];
  await rig.clock.advance(TICK_MS);
  expect(told(rig)).toEqual({ [ANN]: [1], [BOB]: [2] });
});

test('more waiting messages than the bound: the log keeps the rest', async () => {
  const rig = await makeRig();
  rig.usersDown.add(ANN);
  for (let i = 0; i < 700; i += 1) await rig.send(OWNER, `n${i}`, 1, [`<@${ANN}>`]);
  await rig.clock.advance(3 * TICK_MS);
  expect(rig.noticeCounters.mentionsStopped).toBeGreaterThan(0);
  rig.usersDown.clear();
  await rig.clock.advance(10 * TICK_MS);
  expect(told(rig)[ANN]).toEqual(Array.from({ length: 700 }, (_, i) => i + 1));
});

test('a busy stream: looked at while the ring has it, no message is read from the log', async () => {
  const rig = await makeRig();
  let reads = 0;
  rig.log.replay = async () => {
    reads += 1;
    return [];
  };
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 3000; i += 1) {
    sent.push(rig.send(OWNER, `n${i}`, 1, [i % 500 === 0 ? `<@${ANN}>` : 'x']));
    if (i % 100 === 99) await Promise.all(sent.splice(0));
  }
  await rig.clock.advance(TICK_MS);
  expect(told(rig)).toEqual({ [ANN]: [1, 501, 1001, 1501, 2001, 2501] });
  expect(reads).toBe(0);
});

test('mentions: random crashes, outages and pauses, everybody named is told exactly once', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('ann', 'bob', 'both', 'all', 'none') },
    { weight: 2, arbitrary: fc.constantFrom('wait', 'crash') },
    { weight: 1, arbitrary: fc.constantFrom('annAway', 'annBack', 'guildAway', 'guildBack') },
  );
  const contents: Record<string, readonly (string | number | null)[]> = {
    ann: [`<@${ANN}>`],
    bob: [`<@${BOB}>`],
    both: [`<@${BOB}> and <@${ANN}>`],
    all: ['all', null, 2],
    none: ['x'],
  };
  const run = async (steps: readonly string[]): Promise<void> => {
    const rig = await makeRig();
    rig.everyone = [OWNER, ANN, BOB];
    const wanted: Record<Id, Seq[]> = { [ANN]: [], [BOB]: [] };
    let seq = 0;
    for (const [i, what] of steps.entries()) {
      const body = contents[what];
      if (body !== undefined) {
        rig.guildDown = false;
        seq += 1;
        expect((await rig.append(OWNER, `n${i}`, 1, body)).ok).toBe(true);
        if (what !== 'bob' && what !== 'none') wanted[ANN]?.push(seq);
        if (what !== 'ann' && what !== 'none') wanted[BOB]?.push(seq);
      } else if (what === 'wait') await rig.clock.advance(TICK_MS);
      else if (what === 'crash') await rig.restart();
      else if (what === 'annAway') rig.usersDown.add(ANN);
      else if (what === 'annBack') rig.usersDown.delete(ANN);
      else rig.guildDown = what === 'guildAway';
    }
    rig.usersDown.clear();
    rig.guildDown = false;
    await rig.restart();
    await rig.clock.advance(5 * TICK_MS);
    expect({ [ANN]: [], [BOB]: [], ...told(rig) }).toEqual(wanted);
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), run), { numRuns: 60 });
});
