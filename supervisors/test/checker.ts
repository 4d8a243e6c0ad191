/**
 * The checker of protocol.md section 4: invariants I1 to I9, I11, I15 and I16 over raw frame logs, the
 * appends in them and a final HISTORY. Pure functions, any thread; they know nothing of the server.
 *
 * What it needs of the workload: each message (kind 1) has a content that no other intention of the
 * same user in the same stream has, since the wire does not carry nonces in events.
 */
import {
  type Attempt,
  asDelivery,
  type ConnTrace,
  type Delivery,
  type Violation,
  type Walk,
  walk,
} from './checker-wire.ts';
import type { WireFrame, WireValue } from './support/wire.ts';

/** HISTORY over 1..head of one stream, taken at the end. */
export interface StreamHistory {
  readonly sid: number;
  readonly epoch: number;
  readonly first: number;
  readonly head: number;
  /** EV frames as answered, in the order of the answers. */
  readonly events: readonly WireFrame[];
}

export interface CheckInput {
  readonly connections: readonly ConnTrace[];
  readonly histories: readonly StreamHistory[];
  /** Clients that were subscribed from their first SUB to the end: I2 holds for them. */
  readonly throughout?: readonly string[];
}

interface Evidence {
  readonly walks: readonly Walk[];
  readonly histories: readonly StreamHistory[];
  /** Every EV seen on a wire or in a HISTORY. */
  readonly events: readonly Delivery[];
  /** `sid/target` to seqs of the edits and deletes that name it. */
  readonly changes: ReadonlyMap<string, { readonly seq: number; readonly kind: number }[]>;
}

/** Everything that the logs prove to be wrong; empty = clean. Costs O(frames). */
export function check(input: CheckInput): Violation[] {
  const walks = input.connections.map(walk);
  const events = walks.flatMap((one) => one.deliveries);
  for (const history of input.histories) {
    for (const frame of history.events) events.push(asDelivery(frame));
  }
  const evidence: Evidence = {
    walks,
    histories: input.histories,
    events,
    changes: changesOf(events),
  };
  return [
    ...walks.flatMap((one) => one.violations),
    ...totalOrder(evidence),
    ...silentLoss(evidence, input.throughout ?? []),
    ...gaplessLog(evidence),
    ...acknowledgedKept(evidence),
    ...idempotence(evidence),
    ...fifo(evidence),
  ];
}

/** Violations as lines for a test's message, at most 40. */
export function describeViolations(violations: readonly Violation[]): string {
  const lines = violations
    .slice(0, 40)
    .map((v) => `${v.invariant} ${v.client}#${v.conn} stream ${v.sid}: ${v.what}`);
  return [`${violations.length} violations`, ...lines].join('\n');
}

function changesOf(events: readonly Delivery[]): Evidence['changes'] {
  const changes = new Map<string, { seq: number; kind: number }[]>();
  for (const event of events) {
    if (event.kind !== 2 && event.kind !== 3) continue;
    const key = `${event.sid}/${event.body[0]}`;
    const list = changes.get(key) ?? [];
    if (!list.some((one) => one.seq === event.seq)) list.push({ seq: event.seq, kind: event.kind });
    changes.set(key, list);
  }
  return changes;
}

function violation(
  invariant: Violation['invariant'],
  sid: number,
  what: string,
  at?: { readonly client: string; readonly conn: number },
): Violation {
  return { invariant, client: at?.client ?? 'history', conn: at?.conn ?? 0, sid, what };
}

/** Rule 2.17.19: a body ends before its trailing nil, 0 and empty arrays. */
function bodyKey(body: WireFrame): string {
  let length = body.length;
  while (length > 0 && isBlank(body[length - 1])) length -= 1;
  return JSON.stringify(body.slice(0, length));
}

function isBlank(value: WireValue | undefined): boolean {
  return value === null || value === 0 || (Array.isArray(value) && value.length === 0);
}

// ------------------------------------------------------------------ I1, I16

function totalOrder(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  const first = new Map<string, { event: Delivery; text: string }>();
  const bytes = new Map<string, { raw: Buffer; text: string }>();
  const look = (event: Delivery, at?: ConnTrace): void => {
    const key = `${event.sid}/${event.epoch}/${event.seq}`;
    const text = `${event.ts} ${event.kind} ${event.actor} ${bodyKey(event.body)}`;
    const before = first.get(key);
    if (before === undefined) first.set(key, { event, text });
    else if (before.text !== text && !explained(before.event, event, evidence)) {
      found.push(
        violation('I1', event.sid, `seq ${event.seq}: "${before.text}" and "${text}"`, at),
      );
    }
    if (at === undefined || event.raw === undefined) return;
    const same = bytes.get(`${at.encoding} ${key} ${text}`);
    if (same === undefined) bytes.set(`${at.encoding} ${key} ${text}`, { raw: event.raw, text });
    else if (!same.raw.equals(event.raw)) {
      found.push(violation('I16', event.sid, `seq ${event.seq}: other bytes than elsewhere`, at));
    }
  };
  for (const one of evidence.walks) for (const event of one.deliveries) look(event, one.trace);
  for (const history of evidence.histories) {
    for (const frame of history.events) look(asDelivery(frame));
  }
  return found;
}

/** Whether an edit or a delete explains that one (sid, seq) was seen in two forms. */
function explained(a: Delivery, b: Delivery, evidence: Evidence): boolean {
  if (a.ts !== b.ts || a.actor !== b.actor) return false;
  const redacted = a.kind === 0 || b.kind === 0;
  const live = a.kind === 0 ? b : a;
  if (live.kind === 2) {
    const later = evidence.changes.get(`${live.sid}/${live.body[0]}`) ?? [];
    return redacted && later.some((one) => one.seq > live.seq);
  }
  if (live.kind !== 1) return false;
  const changes = evidence.changes.get(`${live.sid}/${live.seq}`) ?? [];
  if (redacted) return changes.some((one) => one.kind === 3);
  return a.kind === 1 && b.kind === 1 && changes.some((one) => one.kind === 2);
}

// ------------------------------------------------------------------ I2

function silentLoss(evidence: Evidence, throughout: readonly string[]): Violation[] {
  const found: Violation[] = [];
  const heads = new Map(evidence.histories.map((history) => [history.sid, history]));
  for (const client of throughout) {
    const mine = evidence.walks
      .filter((one) => one.trace.client === client)
      .sort((a, b) => a.trace.conn - b.trace.conn);
    const sids = new Set(mine.flatMap((one) => [...one.starts.keys()]));
    for (const sid of sids) {
      const history = heads.get(sid);
      if (history === undefined) continue;
      const missing = uncovered(mine, sid, history.epoch, history.head);
      if (missing.length === 0) continue;
      const what = `${missing.length} of ${history.head} neither delivered nor in a GAP, first ${missing[0]}`;
      found.push(violation('I2', sid, what, { client, conn: 0 }));
    }
  }
  return found;
}

function uncovered(walks: readonly Walk[], sid: number, epoch: number, head: number): number[] {
  const seen = new Uint8Array(head + 1);
  const start = walks.find((one) => one.starts.has(sid))?.starts.get(sid)?.seq ?? 0;
  for (const one of walks) {
    for (const event of one.deliveries) {
      if (event.sid === sid && event.epoch === epoch && event.seq <= head) seen[event.seq] = 1;
    }
    for (const gap of one.gaps) {
      if (gap.sid === sid && gap.epoch === epoch)
        seen.fill(1, gap.from, Math.min(gap.to, head) + 1);
    }
  }
  const missing: number[] = [];
  for (let seq = start + 1; seq <= head; seq += 1) if (seen[seq] === 0) missing.push(seq);
  return missing;
}

// ------------------------------------------------------------------ I4

function gaplessLog(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const { sid, epoch, first, head, events } of evidence.histories) {
    let want = first;
    for (const frame of events) {
      const event = asDelivery(frame);
      if (event.sid !== sid || event.epoch !== epoch) {
        found.push(violation('I4', sid, `seq ${event.seq} carries ${event.sid}/${event.epoch}`));
      }
      if (event.seq !== want) found.push(violation('I4', sid, `seq ${event.seq}, wanted ${want}`));
      want = event.seq + 1;
    }
    if (want !== head + 1) found.push(violation('I4', sid, `ends at ${want - 1}, head is ${head}`));
  }
  return found;
}

// ------------------------------------------------------------------ I5

function acknowledgedKept(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const history of evidence.histories) {
    const bySeq = new Map(history.events.map((frame) => [Number(frame[3]), asDelivery(frame)]));
    for (const attempt of attemptsOf(evidence)) {
      const ok = attempt.ok;
      if (attempt.sid !== history.sid || ok === undefined || ok.seq < history.first) continue;
      const kept = bySeq.get(ok.seq);
      const why = kept === undefined ? 'is absent' : unlike(attempt, ok, kept, evidence);
      if (why === '') continue;
      const what = `acknowledged ${ok.seq} (nonce ${attempt.nonce}) ${why}`;
      found.push(violation('I5', history.sid, what, attempt));
    }
  }
  return found;
}

function unlike(
  attempt: Attempt,
  ok: NonNullable<Attempt['ok']>,
  kept: Delivery,
  evidence: Evidence,
): string {
  if (kept.epoch !== ok.epoch) return `has epoch ${kept.epoch}, the OK said ${ok.epoch}`;
  if (kept.ts !== ok.ts) return `has ts ${kept.ts}, the OK said ${ok.ts}`;
  if (kept.actor !== attempt.uid) return `is by ${kept.actor}`;
  if (kept.kind === attempt.kind && bodyKey(kept.body) === bodyKey(attempt.body)) return '';
  const sent: Delivery = { ...kept, kind: attempt.kind, body: attempt.body };
  return explained(sent, kept, evidence) ? '' : `is ${kept.kind} ${bodyKey(kept.body)}`;
}

function attemptsOf(evidence: Evidence): Attempt[] {
  return evidence.walks.flatMap((one) => one.attempts);
}

// ------------------------------------------------------------------ I6, I7

function idempotence(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  const seqs = new Map<string, Set<number>>();
  for (const event of evidence.events) {
    if (event.kind !== 1) continue;
    const key = contentKey(event.actor, event.sid, event.body);
    const set = seqs.get(key) ?? new Set();
    set.add(event.seq);
    seqs.set(key, set);
  }
  const known = new Set(evidence.histories.map((history) => history.sid));
  for (const tries of groupByNonce(attemptsOf(evidence)).values()) {
    const one = tries[0]!;
    const oks = tries.flatMap((attempt) => (attempt.ok === undefined ? [] : [attempt.ok]));
    const answers = new Set(oks.map((ok) => `${ok.epoch}/${ok.seq}/${ok.ts}`));
    if (answers.size > 1) {
      found.push(
        violation('I7', one.sid, `nonce ${one.nonce} got ${[...answers].join(', ')}`, one),
      );
    }
    if (oks.filter((ok) => !ok.duplicate).length > 1) {
      found.push(violation('I7', one.sid, `nonce ${one.nonce} was new more than once`, one));
    }
    if (one.kind !== 1 || !known.has(one.sid)) continue;
    const count = seqs.get(contentKey(one.uid, one.sid, one.body))?.size ?? 0;
    if (oks.length === 0 && count > 1) {
      found.push(
        violation('I6', one.sid, `nonce ${one.nonce} without OK is there ${count} times`, one),
      );
    }
    const edited = evidence.changes.has(`${one.sid}/${oks[0]?.seq}`);
    if (oks.length > 0 && count !== 1 && !(edited && count === 0)) {
      found.push(violation('I7', one.sid, `nonce ${one.nonce} is there ${count} times`, one));
    }
  }
  return found;
}

function contentKey(uid: number, sid: number, body: WireFrame): string {
  return `${uid}/${sid}/${JSON.stringify(body[0])}`;
}

function groupByNonce(attempts: readonly Attempt[]): Map<string, Attempt[]> {
  const groups = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    // A nonce reused for another content is the client's fault and gets ERR 311.
    if (attempt.code === 311) continue;
    const key = `${attempt.uid}/${attempt.sid}/${attempt.nonce}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [attempt]);
    else group.push(attempt);
  }
  return groups;
}

// ------------------------------------------------------------------ I11

function fifo(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const one of evidence.walks) {
    const last = new Map<number, number>();
    for (const attempt of one.attempts) {
      const ok = attempt.ok;
      // A duplicate was committed by an earlier attempt, in that attempt's place.
      if (ok === undefined || ok.duplicate) continue;
      const before = last.get(attempt.sid) ?? 0;
      if (ok.seq <= before) {
        const what = `nonce ${attempt.nonce} got ${ok.seq}, the one sent before it ${before}`;
        found.push(violation('I11', attempt.sid, what, attempt));
      }
      last.set(attempt.sid, ok.seq);
    }
  }
  return found;
}
