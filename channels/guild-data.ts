/**
 * A guild's documents in memory: guild, channels, members met lately. Loads them, and holds the pure
 * rules on them (rights, order of channels). Part of a guild actor, the only writer of these documents.
 */
import { BoundedMap } from './bounded-map.ts';
import {
  type ChannelDoc,
  childKey,
  childPrefix,
  type GuildDoc,
  guildKey,
  lastPart,
  type MemberDoc,
  type OutboxDoc,
} from './docs.ts';
import { unpad } from './ids.ts';
import { PERMS_ALL, PERMS_EVERYONE } from './permissions.ts';
import type { Channel, Doc, DocStore, Guild, Id } from './types.ts';

/** Members kept; the others are read when asked for. A guess: covers those who are online. */
const MEMBERS_MAX = 10_000;
/** One page of a load. */
const PAGE = 500;

export interface OutboxEntry {
  readonly n: number;
  readonly items: OutboxDoc['items'];
}

/** The documents of a guild that exists. */
export class GuildData {
  readonly gid: Id;
  readonly channels: Map<Id, ChannelDoc>;
  readonly members = new BoundedMap<Id, MemberDoc | 'none'>(MEMBERS_MAX);
  doc: Doc<GuildDoc>;

  constructor(doc: Doc<GuildDoc>, channels: readonly ChannelDoc[]) {
    this.gid = doc.value.id;
    this.doc = doc;
    this.channels = new Map(channels.map((channel) => [channel.id, channel]));
  }

  get guild(): Guild {
    const { id, name, ownerId, createdAt } = this.doc.value;
    return { id, name, ownerId, createdAt };
  }

  owns(uid: Id): boolean {
    return this.doc.value.ownerId === uid;
  }

  /** Rights of a member in a channel or view of this guild. */
  permsOf(uid: Id, sid: Id): number {
    if (sid !== this.doc.value.viewSid && !this.channels.has(sid)) return 0;
    return this.owns(uid) ? PERMS_ALL : PERMS_EVERYONE;
  }

  /** The membership of a user, read when it is not kept. */
  async member(docs: DocStore, uid: Id): Promise<MemberDoc | undefined> {
    const kept = this.members.get(uid);
    if (kept !== undefined) return kept === 'none' ? undefined : kept;
    const [doc] = await docs.get<MemberDoc>('member', [childKey(this.gid, uid)]);
    // A write that was confirmed meanwhile knows better than this read.
    const newer = this.members.peek(uid);
    if (newer !== undefined) return newer === 'none' ? undefined : newer;
    this.members.set(uid, doc?.value ?? 'none');
    return doc?.value;
  }

  /** Channels in the order people see. */
  ordered(): ChannelDoc[] {
    return [...this.channels.values()].sort((a, b) => a.position - b.position || a.id - b.id);
  }

  /** Position after all others. */
  nextPosition(): number {
    return this.ordered().reduce((next, channel) => Math.max(next, channel.position + 1), 0);
  }

  /**
   * The channels that change when one takes a position: it comes to stand there, and whoever stood
   * there moves up as far as is needed.
   */
  moved(channel: ChannelDoc, position: number): ChannelDoc[] {
    const changed = [{ ...channel, position }];
    let taken = position;
    for (const other of this.ordered()) {
      if (other.id === channel.id || other.position < taken) continue;
      if (other.position > taken) break;
      taken += 1;
      changed.push({ ...other, position: taken });
    }
    return changed;
  }

  channelView(channel: ChannelDoc): Channel {
    const { id, name, topic, position } = channel;
    const rest = { slowModeS: 0, overwrites: [], parentId: null, startSeq: null };
    return { id, guildId: this.gid, name, type: 'text', topic, position, ...rest };
  }
}

/** What the store says about a guild: its data when it exists, and what it still has to tell. */
export async function loadGuild(
  docs: DocStore,
  gid: Id,
): Promise<{ data: GuildData | undefined; outbox: OutboxEntry[] }> {
  const [[doc], channels, outbox] = await Promise.all([
    docs.get<GuildDoc>('guild', [guildKey(gid)]),
    listAll<ChannelDoc>(docs, 'channel', childPrefix(gid)),
    listAll<OutboxDoc>(docs, 'outbox', childPrefix(gid)),
  ]);
  const entries = outbox.map(({ key, value }) => ({
    n: unpad(lastPart(key)),
    items: value.items,
  }));
  const values = channels.map((channel) => channel.value);
  return { data: doc === undefined ? undefined : new GuildData(doc, values), outbox: entries };
}

/** Every document under a prefix; for kinds whose number per prefix is bounded. */
export async function listAll<T>(docs: DocStore, kind: string, prefix: string): Promise<Doc<T>[]> {
  const all: Doc<T>[] = [];
  for (;;) {
    const page: readonly Doc<T>[] = await docs.list<T>(kind, prefix, all.at(-1)?.key, PAGE);
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}
