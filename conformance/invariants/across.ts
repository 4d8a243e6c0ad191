/**
 * What several logs must agree on: I1 (one total order), I16 (the same bytes), I11 (each sender's order), I12 (an answer is never older
 * than an acknowledged append). Pure.
 */
import type { Event } from '../peer/log.ts';
import { Kind } from '../wire/codes.ts';
import type { Append, Violation, Walk } from './walk.ts';

/** I1: the same seq of a stream and epoch is the same event wherever it was seen, unless it was edited or deleted. */
export function totalOrder(copies: readonly { client: string; event: Event }[]): Violation[] {
  const changed = targets(copies.map(({ event }) => event));
  const found: Violation[] = [];
  const known = new Map<string, Event>();
  for (const { client, event } of copies) {
    const other = known.get(keyOf(event));
    if (other === undefined) known.set(keyOf(event), event);
    else if (!agree(event, other, changed)) {
      const what = `${event.seq} is ${text(event)}, elsewhere ${text(other)}`;
      found.push({ invariant: 'I1', client, sid: event.sid, what });
    }
  }
  return found;
}

/** I16 and 2.17.20: clients of one encoding hold the same bytes of an event that was not edited or deleted. */
export function byteIdentity(walks: readonly Walk[]): Violation[] {
  const changed = targets(walks.flatMap(({ events }) => events));
  const found: Violation[] = [];
  const known = new Map<string, Event>();
  for (const { log, events } of walks) {
    for (const event of events) {
      if (changed.has(`${event.sid}/${event.seq}`)) continue;
      const key = `${log.encoding}/${keyOf(event)}`;
      const other = known.get(key);
      if (other === undefined) known.set(key, event);
      else if (Buffer.compare(event.bytes, other.bytes) !== 0) {
        const [got, first] = [hex(event.bytes), hex(other.bytes)];
        const what = `${event.seq} is ${got}, elsewhere ${first}`;
        found.push({ invariant: 'I16', client: log.client, sid: event.sid, what });
      }
    }
  }
  return found;
}

/** I11: appends of one connection to one stream have seqs in the order of sending. */
export function senderOrder(walks: readonly Walk[]): Violation[] {
  const found: Violation[] = [];
  for (const { appends } of walks) {
    const last = new Map<number, number>();
    for (const { client, sid, nonce, ok } of appends) {
      // A duplicate has the seq of an earlier attempt.
      if (ok === undefined || ok.duplicate) continue;
      const before = last.get(sid) ?? 0;
      if (ok.seq <= before) {
        const what = `nonce ${nonce} has seq ${ok.seq}, the one before it ${before}`;
        found.push({ invariant: 'I11', client, sid, what });
      }
      last.set(sid, ok.seq);
    }
  }
  return found;
}

/** I12: a head that was asked for after an OK to APPEND is not below that append. */
export function causality(walks: readonly Walk[]): Violation[] {
  const oks = new Map<string, Append[]>();
  for (const append of walks.flatMap(({ appends }) => appends)) {
    if (append.ok === undefined) continue;
    const key = `${append.sid}/${append.ok.epoch}`;
    const list = oks.get(key);
    if (list === undefined) oks.set(key, [append]);
    else list.push(append);
  }
  const heads = walks.flatMap((one) => one.heads);
  return heads.flatMap(({ client, sid, epoch, head, askedAtMs }) => {
    const missed = (oks.get(`${sid}/${epoch}`) ?? []).find(
      ({ ok, okAtMs }) => okAtMs < askedAtMs && ok !== undefined && ok.seq > head,
    );
    if (missed === undefined) return [];
    const what = `head ${head} although ${missed.ok?.seq} had been acknowledged before`;
    return [{ invariant: 'I12', client, sid, what }];
  });
}

/** What edits and deletes among the events aim at, as `sid/seq`. */
function targets(events: readonly Event[]): Set<string> {
  return new Set(
    events
      .filter(({ kind }) => kind === Kind.EDIT || kind === Kind.DELETE || kind === Kind.REDACTED)
      .map(({ kind, sid, seq, body }) => `${sid}/${kind === Kind.REDACTED ? seq : body[0]}`),
  );
}

function agree(a: Event, b: Event, changed: ReadonlySet<string>): boolean {
  if (a.ts !== b.ts || a.actor !== b.actor) return false;
  if (changed.has(`${a.sid}/${a.seq}`)) return true;
  return a.kind === b.kind && JSON.stringify(a.body) === JSON.stringify(b.body);
}

function keyOf({ sid, epoch, seq }: Event): string {
  return `${sid}/${epoch}/${seq}`;
}

function text({ ts, kind, actor, body }: Event): string {
  return JSON.stringify([ts, kind, actor, ...body]).slice(0, 120);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').slice(0, 120);
}
