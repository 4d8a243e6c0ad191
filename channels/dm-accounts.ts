/**
 * Opening and listing of direct messages. A service on gateway threads, part of accounts: that two users
 * have one dm is kept by a unique value in the DocStore, so both may open it at once on different threads.
 */
import { type Clock, cast, entity } from '../runtime/index.ts';
import {
  DMS_PER_USER_MAX,
  type DmDoc,
  type DmOutboxDoc,
  dmsOf,
  dmViews,
  GROUP_MEMBERS_MAX,
  pairKey,
  shareGuild,
  userDmWrite,
} from './dm-docs.ts';
import { childKey, streamDoc, streamKey } from './docs.ts';
import { type IdAllocator, pad } from './ids.ts';
import type { Dm, DmP, Doc, DocStore, DocWrite, DomainCode, Id, Result } from './types.ts';

export interface DirectMessagesOptions {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly ids: IdAllocator;
}

type Failure = { readonly ok: false; readonly code: DomainCode; readonly field?: string };

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;
/** An id made twice after a clock step is refused by the store; the next one is free. */
const TRIES_MAX = 4;

/** The ops of `DmAccounts`; they reject when the store is away, accounts make that an answer. */
export class DirectMessages {
  readonly #options: DirectMessagesOptions;

  constructor(options: DirectMessagesOptions) {
    this.#options = options;
  }

  async openDm({ uid, to }: { readonly uid: Id; readonly to: Id }): Promise<Result<Dm>> {
    if (uid === to) return { ok: false, code: 'invalid', field: 'to' };
    const { docs } = this.#options;
    const unique = pairKey(uid, to);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const found: Doc<DmDoc> | undefined = await docs.find('dm', unique);
      if (found !== undefined) return await this.#opened(found.value);
      const refused = await this.#judge(uid, [to]);
      if (refused !== undefined) return refused;
      const members = [uid, to];
      const created = await this.#create(
        { type: 'dm', members, name: null, ownerId: null },
        unique,
      );
      if (created !== undefined) return created;
    }
    return UNAVAILABLE;
  }

  async openGroup(m: {
    readonly uid: Id;
    readonly uids: readonly Id[];
    readonly name: string | null;
  }): Promise<Result<Dm>> {
    const { uid, name } = m;
    const others = [...new Set(m.uids)].filter((one) => one !== uid);
    if (others.length < 1 || others.length >= GROUP_MEMBERS_MAX) {
      return { ok: false, code: 'invalid', field: 'uids' };
    }
    const refused = await this.#judge(uid, others);
    if (refused !== undefined) return refused;
    const members = [uid, ...others];
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const created = await this.#create({ type: 'group', members, name, ownerId: uid }, undefined);
      if (created !== undefined) return created;
    }
    return UNAVAILABLE;
  }

  async dms(uid: Id): Promise<Result<readonly Dm[]>> {
    const { docs } = this.#options;
    const sids = await dmsOf(docs, uid);
    if (sids.length === 0) return { ok: true, value: [] };
    const found = await docs.get<DmDoc>('dm', sids.map(pad));
    // Left between the two reads: not the user's any more.
    const dms = found.flatMap((doc) => (doc?.value.members.includes(uid) ? [doc.value] : []));
    return { ok: true, value: await dmViews(docs, dms) };
  }

  /** Why a user may not open a conversation with these. A stranger and who does not exist get one answer. */
  async #judge(uid: Id, others: readonly Id[]): Promise<Failure | undefined> {
    const { docs } = this.#options;
    const everybody = [uid, ...others];
    const [shared, counts] = await Promise.all([
      Promise.all(others.map((other) => shareGuild(docs, uid, other))),
      Promise.all(everybody.map(async (one) => (await dmsOf(docs, one)).length)),
    ]);
    if (shared.includes(false)) return { ok: false, code: 'forbidden' };
    const full = counts.some((count) => count >= DMS_PER_USER_MAX);
    return full ? { ok: false, code: 'conflict' } : undefined;
  }

  /** undefined: the id or the unique value is taken. */
  async #create(
    fields: Pick<DmDoc, 'type' | 'members' | 'name' | 'ownerId'>,
    unique: string | undefined,
  ): Promise<Result<Dm> | undefined> {
    const { docs, clock, ids } = this.#options;
    const id = ids.next();
    const start = { topic: null, metaSeq: 0, createdAt: clock.now(), outboxSeq: 1 };
    const doc: DmDoc = { id, ...fields, ...start };
    const [actor = 0] = doc.members;
    const tells: DmOutboxDoc = { actor, tell: doc.members, drop: false };
    const base: DocWrite = { kind: 'dm', key: pad(id), expect: 'absent', value: doc };
    const stream = streamDoc(doc.type, 0);
    const result = await docs.write([
      unique === undefined ? base : { ...base, unique: [unique] },
      { kind: 'stream', key: streamKey(id), expect: 'absent', value: stream },
      ...doc.members.map((uid) => userDmWrite(doc, uid)),
      { kind: 'dmOutbox', key: childKey(id, 1), expect: 'absent', value: tells },
    ]);
    if (result.ok) return await this.#opened(doc);
    return result.why === 'unavailable' ? UNAVAILABLE : undefined;
  }

  /** Also for one that existed: it may have been made in a write whose answer was lost. */
  async #opened(doc: DmDoc): Promise<Result<Dm>> {
    cast(entity<DmP>('dm', doc.id), 'resume', {});
    const [dm] = await dmViews(this.#options.docs, [doc]);
    return dm === undefined ? NOT_FOUND : { ok: true, value: dm };
  }
}
