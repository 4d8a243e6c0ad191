/**
 * Tells what a guild's commits have changed: events on its view stream, joins and leaves on user
 * streams, streams to drop. Each commit leaves one outbox document; it is worked off in order and
 * deleted only after everything in it is done, so a crash repeats and never forgets. Repeats are
 * harmless: every event carries a nonce made from the document's number. Part of a guild actor; runs
 * beside its handlers.
 */
import { call, entity } from '../runtime/index.ts';
import { childKey, childPrefix, lastPart, type MemberDoc, type OutboxItem } from './docs.ts';
import { channelsError } from './errors.ts';
import type { OutboxEntry } from './guild-data.ts';
import { unpad } from './ids.ts';
import { ERR_OUTCOME_UNKNOWN, ERR_UNAVAILABLE } from './stream-rules.ts';
import type { DocStore, DocWrite, Id, Ms, StreamP, UserP } from './types.ts';

/** Commits that wait to be told; beyond it the guild refuses changes until the store is back. */
export const OUTBOX_MAX = 256;
const RETRY_FIRST_MS: Ms = 100;
const RETRY_LAST_MS: Ms = 10_000;
/** Members removed per batch when a guild ends. */
const PURGE_PAGE = 100;

export class Outbox {
  readonly #gid: Id;
  readonly #docs: DocStore;
  readonly #retryAfter: (delayMs: Ms) => void;
  #entries: OutboxEntry[];
  #running = false;
  #delayMs = RETRY_FIRST_MS;

  /** @param retryAfter calls `run` again after the delay */
  constructor(
    gid: Id,
    docs: DocStore,
    entries: readonly OutboxEntry[],
    retryAfter: (delayMs: Ms) => void,
  ) {
    this.#gid = gid;
    this.#docs = docs;
    this.#entries = [...entries];
    this.#retryAfter = retryAfter;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  get full(): boolean {
    return this.#entries.length >= OUTBOX_MAX;
  }

  add(entry: OutboxEntry): void {
    this.#entries.push(entry);
  }

  /** What the store holds, after a commit whose outcome was not known. */
  replace(entries: readonly OutboxEntry[]): void {
    this.#entries = [...entries];
  }

  /** Works the entries off; asks to be run again when something fails. One run at a time. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
        for (const [i, item] of entry.items.entries()) {
          await this.#tell(item, `g${this.#gid.toString(36)}-${entry.n.toString(36)}-${i}`);
        }
        const key = childKey(this.#gid, entry.n);
        await this.#write([{ kind: 'outbox', key, expect: 'any', value: null }]);
        const { n } = entry;
        this.#entries = this.#entries.filter((other) => other.n !== n);
        this.#delayMs = RETRY_FIRST_MS;
      }
    } catch {
      // Whatever it was (stream, user or store away): the entry is still there and is told again.
      this.#retryAfter(this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * 2, RETRY_LAST_MS);
    } finally {
      this.#running = false;
    }
  }

  async #tell(item: OutboxItem, nonce: string): Promise<void> {
    if (item.type === 'event') {
      const { actor, kind, body } = item;
      const stream = entity<StreamP>('stream', item.sid);
      const reply = await call(stream, 'emit', { uid: actor, nonce, kind, body });
      // Any other refusal (the stream is gone) will not get better.
      const again =
        !reply.ok && (reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN);
      if (again) throw unavailable('emit');
    } else if (item.type === 'drop') {
      await call(entity<StreamP>('stream', item.sid), 'remove', {});
    } else if (item.type === 'purge') {
      await this.#purge(nonce);
    } else {
      await this.#tellUser(item.uid, item.type, nonce);
    }
  }

  async #tellUser(uid: Id, type: 'joined' | 'left', nonce: string): Promise<void> {
    const op = type === 'joined' ? 'guildJoined' : 'guildLeft';
    const reply = await call(entity<UserP>('user', uid), op, { gid: this.#gid, nonce });
    if (!reply.ok && reply.code === 'unavailable') throw unavailable(op);
  }

  async #purge(nonce: string): Promise<void> {
    const gid = this.#gid;
    for (;;) {
      const prefix = childPrefix(gid);
      const page = await this.#docs.list<MemberDoc>('member', prefix, undefined, PURGE_PAGE);
      if (page.length === 0) break;
      const uids = page.map((doc) => unpad(lastPart(doc.key)));
      for (const uid of uids) await this.#tellUser(uid, 'left', nonce);
      await this.#write(uids.flatMap((uid) => membershipDeletes(gid, uid)));
    }
    for (;;) {
      const prefix = childPrefix(gid);
      const page = await this.#docs.list<unknown>('guildInvite', prefix, undefined, PURGE_PAGE);
      if (page.length === 0) break;
      await this.#write(page.flatMap((doc) => inviteDeletes(gid, lastPart(doc.key))));
    }
  }

  async #write(batch: readonly DocWrite[]): Promise<void> {
    const result = await this.#docs.write(batch);
    if (!result.ok) throw unavailable('write');
  }
}

/** Both documents of one membership. */
export function membershipDeletes(gid: Id, uid: Id): DocWrite[] {
  return [
    { kind: 'member', key: childKey(gid, uid), expect: 'any', value: null },
    { kind: 'userGuild', key: childKey(uid, gid), expect: 'any', value: null },
  ];
}

/** Both documents of one invite. */
export function inviteDeletes(gid: Id, code: string): DocWrite[] {
  return [
    { kind: 'invite', key: code, expect: 'any', value: null },
    { kind: 'guildInvite', key: `${childPrefix(gid)}${code}`, expect: 'any', value: null },
  ];
}

function unavailable(what: string): Error {
  return channelsError('DRIFT_CHANNELS_UNAVAILABLE', `outbox ${what}: the other side is away`);
}
