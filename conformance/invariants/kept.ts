/**
 * What the log of a stream must hold, by HISTORY: I4 (each seq once), I5 (acknowledged means kept), I6 and I7 (one nonce, at most or exactly one
 * event). Pure.
 */
import type { Event } from '../peer/log.ts';
import { Kind } from '../wire/codes.ts';
import type { Wire } from '../wire/types.ts';
import type { Append, Violation } from './walk.ts';

/** HISTORY over the whole of a stream. */
export interface Kept {
  readonly sid: number;
  readonly epoch: number;
  readonly first: number;
  readonly head: number;
  readonly events: readonly Event[];
}

/** I4: every seq from `first` to the head, once and in order. */
export function gapless({ sid, first, head, events }: Kept): Violation[] {
  const found: Violation[] = [];
  const blame = (what: string) => found.push({ invariant: 'I4', client: 'HISTORY', sid, what });
  let wanted = first;
  for (const { seq } of events) {
    if (seq !== wanted) blame(`has ${seq}, wanted ${wanted}`);
    wanted = seq + 1;
  }
  if (wanted !== head + 1) blame(`ends at ${wanted - 1}, the head is ${head}`);
  return found;
}

/** I5: every acknowledged append is there, as it was. */
export function acknowledgedIsKept(kept: Kept, appends: readonly Append[]): Violation[] {
  const bySeq = new Map(kept.events.map((event) => [event.seq, event]));
  return appends.flatMap((append) => {
    const { sid, ok, nonce, client } = append;
    if (sid !== kept.sid || ok === undefined) return [];
    const event = bySeq.get(ok.seq);
    const blame = (what: string) => [{ invariant: 'I5', client, sid, what: `${nonce}: ${what}` }];
    if (event === undefined) return blame(`seq ${ok.seq} is not in HISTORY`);
    if (event.kind === Kind.REDACTED) return [];
    if (event.epoch !== ok.epoch || event.ts !== ok.ts || event.actor !== append.uid)
      return blame(`seq ${ok.seq} is another event`);
    return sameContent(event, append) ? [] : blame(`seq ${ok.seq} has another content`);
  });
}

/** I6 and I7: all attempts with one nonce and one content gave one seq; without an OK there is at most one event. */
export function oncePerNonce(kept: Kept, appends: readonly Append[]): Violation[] {
  const found: Violation[] = [];
  const counts = new Map<string, number>();
  for (const { kind, actor, body } of kept.events) {
    const key = contentKey(kind, actor, body);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [key, tries] of byIntention(kept.sid, appends)) {
    const { client, sid, kind, uid, body } = tries[0]!;
    const blame = (invariant: string, what: string) =>
      found.push({ invariant, client, sid, what: `${key}: ${what}` });
    const oks = tries.flatMap(({ ok }) => (ok === undefined ? [] : [ok]));
    const seqs = new Set(oks.map(({ epoch, seq, ts }) => `${epoch}/${seq}/${ts}`));
    const count = counts.get(contentKey(kind, uid, body)) ?? 0;
    if (seqs.size > 1) blame('I7', `was acknowledged as ${[...seqs].join(' and ')}`);
    if (oks.filter(({ duplicate }) => !duplicate).length > 1) blame('I7', 'was new twice');
    if (oks.length > 0 && count !== 1) blame('I7', `is there ${count} times`);
    if (oks.length === 0 && count > 1) blame('I6', `without an OK is there ${count} times`);
  }
  return found;
}

/** Appends of messages, grouped by user, nonce and content; each content must be used for one nonce only. */
function byIntention(sid: number, appends: readonly Append[]): Map<string, Append[]> {
  const groups = new Map<string, Append[]>();
  for (const append of appends) {
    if (append.sid !== sid || append.kind !== Kind.CREATE) continue;
    const key = `${append.uid}/${append.nonce}/${JSON.stringify(append.body)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [append]);
    else group.push(append);
  }
  // A nonce used again for other content is refused (311) and no intention of its own.
  for (const [key, tries] of groups)
    if (tries.every(({ errCode }) => errCode !== undefined)) groups.delete(key);
  return groups;
}

function sameContent(event: Event, append: Append): boolean {
  const { kind, actor, body } = event;
  return contentKey(kind, actor, body) === contentKey(append.kind, append.uid, append.body);
}

function contentKey(kind: number, actor: number, body: readonly Wire[]): string {
  return `${kind}/${actor}/${JSON.stringify(body)}`;
}
