/** A stream whose log fails, and a model test with faults and crashes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CommitFault, decode, OWNER, SID, StreamRig, settled } from './test/kit.ts';
import type { AppendReply, Cursor } from './types.ts';

const A = 11;
const B = 12;

async function warm(): Promise<StreamRig> {
  const rig = await new StreamRig().start();
  await rig.subscribe(A);
  await rig.append(A, 'warm-a', 1, ['w']);
  await rig.append(B, 'warm-b', 1, ['w']);
  return rig;
}

test("commit unavailable: 502 with the store's retry, nothing changes, the same nonce goes through later", async () => {
  const rig = await warm();
  rig.log.commitFaults.push('unavailable');
  expect(await rig.append(A, 'n', 1, ['x'])).toEqual({ ok: false, code: 502, retryMs: 250 });
  expect(rig.published().length).toBe(2);
  expect((await rig.logged()).length).toBe(2);
  expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: true, seq: 3, duplicate: false });
});

test('commit rejected before it was done: looked up, committed once, answered OK', async () => {
  const rig = await warm();
  rig.log.commitFaults.push('rejectBefore');
  const reply = rig.send(A, 'n', 1, ['x']);
  const next = rig.send(A, 'n2', 1, ['y']);
  await settled();
  expect(await reply).toMatchObject({ ok: true, seq: 3, duplicate: false });
  expect(await next).toMatchObject({ ok: true, seq: 4 });
  expect((await rig.logged()).map((e) => e.seq)).toEqual([1, 2, 3, 4]);
  expect(rig.published().map((e) => e.seq)).toEqual([1, 2, 3, 4]);
});

test('commit rejected after it was done: found in the log, published once, answered OK', async () => {
  const rig = await warm();
  rig.log.commitFaults.push('rejectAfter');
  const replies = await Promise.all([rig.send(A, 'n', 1, ['x']), rig.send(A, 'n2', 1, ['y'])]);
  expect(replies).toMatchObject([
    { ok: true, seq: 3, duplicate: false },
    { ok: true, seq: 4, duplicate: false },
  ]);
  expect((await rig.logged()).map((e) => e.body[0])).toEqual(['w', 'w', 'x', 'y']);
  expect(rig.published().map((e) => e.seq)).toEqual([1, 2, 3, 4]);
});

test('store away after a commit without an answer: 501 for it, 502 for the others, later the truth', async () => {
  const rig = await warm();
  rig.log.commitFaults.push('rejectAfter');
  const unknown = rig.send(A, 'n', 1, ['x']);
  const behind = rig.send(B, 'b', 1, ['y']);
  rig.log.hold();
  rig.log.down = false;
  const gone = rig.log.release();
  rig.log.down = false;
  await gone;
  await settled();
  expect(await unknown).toMatchObject({ ok: true });
  expect(await behind).toMatchObject({ ok: true });

  rig.log.commitFaults.push('rejectAfter');
  const lost = rig.send(A, 'lost', 1, ['z']);
  await Promise.resolve();
  rig.log.down = true;
  await settled();
  const queued = rig.send(B, 'queued', 1, ['q']);
  await rig.clock.advance(6000);
  expect(await lost).toEqual({ ok: false, code: 501 });
  expect(await queued).toMatchObject({ ok: false, code: 502 });
  rig.log.down = false;
  await rig.clock.advance(3000);
  expect(rig.core.idle).toBe(false);
  const again = await rig.append(A, 'lost', 1, ['z']);
  expect(again.ok).toBe(true);
  expect((await rig.logged()).filter((e) => e.body[0] === 'z').length).toBe(1);
  expect(await rig.append(B, 'queued', 1, ['q'])).toMatchObject({ ok: true, duplicate: false });
  expect(rig.published().map((e) => e.seq)).toEqual((await rig.logged()).map((e) => e.seq));
});

test('fenced by another owner: opened again, what the other wrote is published, nothing doubled', async () => {
  const rig = await warm();
  rig.log.commitFaults.push('usurp');
  expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: true, seq: 3 });

  const other = await rig.store.log.open(SID);
  const { epoch } = other;
  const frame = new TextEncoder().encode(JSON.stringify([16, SID, epoch, 4, 9e12, 1, B, 'theirs']));
  const digest = new Uint8Array(16);
  const event = {
    seq: 4,
    ts: 9e12,
    kind: 1,
    actor: B,
    target: 0,
    emoji: '',
    nonce: 'o',
    digest,
    frame,
  };
  await rig.store.log.commit({
    sid: SID,
    fence: other.fence,
    after: 3,
    events: [event],
    rewrites: [],
  });
  expect(await rig.append(A, 'n5', 1, ['ours'])).toMatchObject({ ok: true, seq: 5 });
  expect(rig.published().map((e) => e.body[0])).toEqual(['w', 'w', 'x', 'theirs', 'ours']);
  expect((await rig.logged()).map((e) => e.seq)).toEqual([1, 2, 3, 4, 5]);
});

test('a commit that always fails without an answer: 502 after a few tries, the stream goes on', async () => {
  const rig = await warm();
  rig.log.commitFaults.push('rejectBefore', 'rejectBefore', 'rejectBefore');
  expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: false, code: 502 });
  expect(await rig.append(A, 'n2', 1, ['y'])).toMatchObject({ ok: true, seq: 3 });
});

test('log replaced by one with another epoch: gateways are told, numbers start from what it holds', async () => {
  const rig = await warm();
  await rig.store.log.drop(SID);
  const reply = await rig.append(A, 'n', 1, ['x']);
  expect(reply).toMatchObject({ ok: true, seq: 1 });
  const told = rig.listen().filter((h) => h.op === 'attached');
  expect(told.length).toBe(2);
  expect(told[0]?.m.epoch).not.toBe(told[1]?.m.epoch);
});

test('stream that cannot open: requests wait, then 502; open again, they work', async () => {
  const rig = new StreamRig();
  rig.log.down = true;
  await rig.start();
  const append = rig.send(A, 'n', 1, ['x']);
  const subscribed = rig.subscribe(A);
  const head = rig.askHead(A);
  rig.pull({ uid: A, after: { epoch: 0, seq: 0, ts: 0 } });
  await rig.clock.advance(5000);
  expect(await append).toMatchObject({ ok: false, code: 502, retryMs: 1000 });
  expect(await subscribed).toEqual({ ok: false, retryMs: 1000 });
  expect(await head).toBe('unavailable');
  rig.log.down = false;
  await rig.clock.advance(3000);
  expect(await rig.append(A, 'n', 1, ['x'])).toMatchObject({ ok: true, seq: 1 });
  expect(rig.listen().some((h) => h.op === 'chunk')).toBe(true);
});

test('remove: drop fails, no answer, so the guild asks again', async () => {
  const rig = await warm();
  rig.log.down = true;
  let answered = 0;
  rig.core.remove(() => (answered += 1));
  await settled();
  expect(answered).toBe(0);
  rig.log.down = false;
  rig.core.remove(() => (answered += 1));
  await settled();
  expect(answered).toBe(1);
  expect(await rig.store.log.heads([SID])).toEqual([]);
});

// ---------------------------------------------------------------- the model

type Step =
  | { op: 'message'; uid: number }
  | { op: 'refer'; what: 'edit' | 'delete' | 'react'; other: number; at: number }
  | { op: 'repeat'; at: number }
  | { op: 'fault'; fault: CommitFault }
  | { op: 'tick' | 'crash' | 'settle' | 'clockBack' | 'hold' | 'release' };

interface Attempt {
  readonly uid: number;
  readonly nonce: string;
  readonly kind: number;
  readonly body: (string | number)[];
  readonly life: number;
  readonly order: number;
  reply?: AppendReply;
}

const uids = fc.constantFrom(OWNER, A, B);
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('message' as const), uid: uids }) },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('refer' as const),
      what: fc.constantFrom('edit' as const, 'edit' as const, 'delete' as const, 'react' as const),
      other: fc.nat(7),
      at: fc.nat(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('tick' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('repeat' as const), at: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('fault' as const),
      fault: fc.constantFrom<CommitFault[]>(
        'unavailable',
        'rejectBefore',
        'rejectAfter',
        'usurp',
        'fenced',
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constantFrom(
        'crash' as const,
        'settle' as const,
        'clockBack' as const,
        'hold' as const,
        'release' as const,
      ),
    }),
  },
);

class Model {
  readonly rig = new StreamRig({ limits: { batchEventsMax: 4 } });
  readonly attempts: Attempt[] = [];
  readonly live: { seq: number; frame: string }[] = [];
  life = 0;

  async run(plan: readonly Step[]): Promise<void> {
    await this.rig.start();
    await this.rig.subscribe(OWNER);
    for (const step of plan) await this.step(step);
    await this.rig.log.release();
    await this.rig.clock.advance(30_000);
    this.collect();
  }

  async step(step: Step): Promise<void> {
    const { rig } = this;
    if (step.op === 'fault') rig.log.commitFaults.push(step.fault);
    else if (step.op === 'clockBack') rig.clock.stepBack(5000);
    else if (step.op === 'hold') rig.log.hold();
    else if (step.op === 'release') await rig.log.release();
    else if (step.op === 'settle') await rig.clock.advance(3000);
    else if (step.op === 'crash') await this.crash();
    else if (step.op === 'message') this.send(step.uid, 1, [`m${this.attempts.length}`]);
    else if (step.op === 'repeat') this.repeat(step.at);
    else if (step.op === 'tick') await settled();
    else if (step.op === 'refer') this.refer(step);
  }

  /** Mostly the author on a message that is there; sometimes somebody else, or nothing. */
  refer(step: Step & { op: 'refer' }): void {
    const known = this.attempts.filter((a) => a.kind === 1 && a.reply?.ok === true);
    const message = known[step.at % Math.max(1, known.length)];
    const uid = step.other === 0 ? B : (message?.uid ?? A);
    const target = message?.reply?.ok === true ? message.reply.seq : 1 + (step.at % 9);
    if (step.what === 'edit') this.send(uid, 2, [target, `edit${this.attempts.length}`]);
    else if (step.what === 'delete') this.send(uid, 3, [target]);
    else this.send(uid, 4, [target, '👍']);
  }

  repeat(at: number): void {
    const old = this.attempts[at % Math.max(1, this.attempts.length)];
    if (old !== undefined) this.send(old.uid, old.kind, old.body, old.nonce);
  }

  send(uid: number, kind: number, body: (string | number)[], nonce?: string): void {
    const order = this.attempts.length;
    const attempt: Attempt = {
      uid,
      nonce: nonce ?? `n${order}`,
      kind,
      body,
      life: this.life,
      order,
    };
    this.attempts.push(attempt);
    this.rig.send(uid, attempt.nonce, kind, body).then((reply) => {
      attempt.reply = reply;
    }, fail);
  }

  /** The actor dies with everything in memory; the store keeps what it confirmed. */
  async crash(): Promise<void> {
    this.collect();
    this.life += 1;
    await this.rig.log.release();
    await this.rig.restart();
    await this.rig.subscribe(OWNER);
  }

  collect(): void {
    for (const event of this.rig.published()) {
      this.live.push({ seq: event.seq, frame: JSON.stringify(event) });
    }
  }
}

function fail(error: unknown): never {
  throw error;
}

/** Events as the rules of protocol.md 2.17 item 3 say, from the live copies. */
function redacted(live: readonly ReturnType<typeof decode>[]): unknown[] {
  const out = live.map((e) => ({ seq: e.seq, kind: e.kind, actor: e.actor, body: [...e.body] }));
  for (const event of live) {
    if (event.kind !== 2 && event.kind !== 3) continue;
    const target = Number(event.body[0]);
    for (const old of out) {
      const olderEdit =
        old.kind === 2 && old.seq < event.seq && live[old.seq - 1]?.body[0] === target;
      const gone = olderEdit || (event.kind === 3 && old.seq === target);
      if (gone) Object.assign(old, { kind: 0, body: [] });
      else if (old.seq === target) old.body = [event.body[1] ?? '', null, 4];
    }
  }
  return out;
}

test('stream: random appends, edits, deletes, faults and crashes, invariants I1, I4 to I7 and I11 hold', async () => {
  const plans = fc.array(steps, { minLength: 10, maxLength: 150, size: 'max' });
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const model = new Model();
      await model.run(plan);
      const log = await model.rig.logged();
      checkLog(log);
      const live = checkLive(model);
      checkAcknowledged(model, log);
      checkOrder(model);
      checkRedaction(log, live);
      await checkReplay(model.rig, log);
    }),
    { numRuns: 150 },
  );
});

type Log = readonly ReturnType<typeof decode>[];

/** I4: gapless from 1; and ts rises strictly. */
function checkLog(log: Log): void {
  expect(log.map((e) => e.seq)).toEqual(log.map((_, i) => i + 1));
  for (const [i, e] of log.entries()) if (i > 0) expect(e.ts).toBeGreaterThan(log[i - 1]?.ts ?? 0);
}

/** I1: no seq was ever published with two contents; I6: no message under two seqs. */
function checkLive(model: Model): ReadonlyMap<number, string> {
  const live = new Map<number, string>();
  for (const { seq, frame } of model.live) {
    expect(live.get(seq) ?? frame).toBe(frame);
    live.set(seq, frame);
  }
  const messages = [...live.values()].map((f) => JSON.parse(f)).filter((e) => e.kind === 1);
  expect(new Set(messages.map((e) => e.body[0])).size).toBe(messages.length);
  return live;
}

/** I5: what was acknowledged is there; I7: one nonce, one seq. */
function checkAcknowledged(model: Model, log: Log): void {
  const seqs = new Map<string, number>();
  for (const { reply, uid, nonce, body } of model.attempts) {
    if (reply?.ok !== true) continue;
    const key = `${uid}:${nonce}`;
    expect(seqs.get(key) ?? reply.seq).toBe(reply.seq);
    seqs.set(key, reply.seq);
    const kept = log[reply.seq - 1];
    expect(kept).toMatchObject({ seq: reply.seq, ts: reply.ts, actor: uid });
    const plain = kept?.kind === 1 && kept.body[2] !== 4;
    if (plain) expect(kept.body[0]).toBe(body[0]);
  }
  expect(new Set(seqs.values()).size).toBe(seqs.size);
}

/** I11: two first attempts of one user in one life, both OK, keep their order. */
function checkOrder(model: Model): void {
  const last = new Map<string, number>();
  for (const { reply, uid, life } of model.attempts) {
    if (reply?.ok !== true || reply.duplicate) continue;
    const key = `${uid}:${life}`;
    expect(reply.seq).toBeGreaterThan(last.get(key) ?? 0);
    last.set(key, reply.seq);
  }
}

/** The log is what the rules make of the live copies, where these are complete. */
function checkRedaction(log: Log, live: ReadonlyMap<number, string>): void {
  if (log.some((e) => !live.has(e.seq))) return;
  const copies = log.map((e) => JSON.parse(live.get(e.seq) ?? 'null') as Log[number]);
  const plain = log.map(({ seq, kind, actor, body }) => ({ seq, kind, actor, body }));
  expect(plain).toEqual(redacted(copies));
}

/** Replay from the start gives exactly the log: ring and log agree on every byte. */
async function checkReplay(rig: StreamRig, log: Log): Promise<void> {
  const head = await rig.head(OWNER);
  const from: Cursor = { epoch: head?.epoch ?? 0, seq: 0, ts: 0 };
  const chunks = await rig.pullAll(OWNER, from);
  expect(chunks.flatMap((c) => c.frames.map(decode))).toEqual(log);
}
