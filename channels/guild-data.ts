/**
 * A guild's documents in memory: guild, channels, roles, views, members met lately. Loads them, and
 * keeps evaluated rights until `aclVer` rises. Part of a guild actor, the only writer of these
 * documents.
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
  type RoleDoc,
  type ViewDoc,
} from './docs.ts';
import { channelRights, everyoneRole, guildRights, type RightsFacts } from './guild-rights.ts';
import { unpad } from './ids.ts';
import { may, PERM_HISTORY, PERM_VIEW } from './permissions.ts';
import type { Channel, Doc, DocStore, Guild, Id, Role } from './types.ts';
import { voiceSettings } from './voice-settings.ts';

/** Members kept; the others are read when asked for. A guess: covers those who are online. */
const MEMBERS_MAX = 10_000;
/** Members whose rights are kept, each with at most as many numbers as the guild has channels. */
const RIGHTS_MAX = 256;
/** One page of a load. */
const PAGE = 500;
const VIEW_RIGHTS = PERM_VIEW | PERM_HISTORY;
const CHANNEL_TYPES = { 1: 'text', 2: 'voice', 5: 'thread' } as const;

export interface OutboxEntry {
  readonly n: number;
  readonly items: OutboxDoc['items'];
}

/** Evaluated rights of one member. */
interface Evaluated {
  readonly guild: number;
  readonly bySid: Map<Id, number>;
}

/** The documents of a guild that exists. */
export class GuildData {
  readonly gid: Id;
  readonly #members = new BoundedMap<Id, MemberDoc | 'none'>(MEMBERS_MAX);
  readonly #rights = new BoundedMap<Id, Evaluated>(RIGHTS_MAX);
  #rightsVer = 0;
  channels: ReadonlyMap<Id, ChannelDoc>;
  /** Roles by id, everyone among them. */
  roles: ReadonlyMap<Id, RoleDoc>;
  /** View streams by class key, without the main view. */
  views: ReadonlyMap<string, Id>;
  doc: Doc<GuildDoc>;

  constructor(
    doc: Doc<GuildDoc>,
    channels: readonly ChannelDoc[],
    roles: readonly RoleDoc[] = [],
    views: ReadonlyMap<string, Id> = new Map(),
  ) {
    this.gid = doc.value.id;
    this.doc = doc;
    this.channels = new Map(channels.map((channel) => [channel.id, channel]));
    const all = [everyoneRole(this.gid), ...roles];
    this.roles = new Map(all.map((role) => [role.id, role]));
    this.views = views;
  }

  get guild(): Guild {
    const { id, name, ownerId, createdAt } = this.doc.value;
    return { id, name, ownerId, createdAt };
  }

  /** View of the class that every member belongs to. */
  get mainView(): Id {
    return this.doc.value.viewSid;
  }

  get facts(): RightsFacts {
    return { gid: this.gid, ownerId: this.doc.value.ownerId, roles: this.roles };
  }

  owns(uid: Id): boolean {
    return this.doc.value.ownerId === uid;
  }

  // -------------------------------------------------------------- rights

  /** Rights of a member in the guild. */
  guildPermsOf(uid: Id, member: MemberDoc): number {
    return this.#evaluated(uid, member).guild;
  }

  /** Rights of a member in a channel or view of this guild; 0 when there is no such thing. */
  permsOf(uid: Id, member: MemberDoc, sid: Id): number {
    const { bySid } = this.#evaluated(uid, member);
    const known = bySid.get(sid);
    if (known !== undefined) return known;
    const exists = this.channels.has(sid) || this.isView(sid);
    const perms = this.#evaluate(uid, member, sid);
    if (exists) bySid.set(sid, perms);
    return perms;
  }

  /** Views that a member may follow, the main view first. */
  viewsOf(uid: Id, member: MemberDoc): Id[] {
    const all = [this.mainView, ...this.views.values()];
    return all.filter((sid) => may(this.permsOf(uid, member, sid), PERM_VIEW));
  }

  isView(sid: Id): boolean {
    return sid === this.mainView || [...this.views.values()].includes(sid);
  }

  /** View of a channel's class. */
  viewOf(channel: ChannelDoc): Id {
    const top = channel.parent === undefined ? channel : this.channels.get(channel.parent);
    return top?.viewSid ?? this.mainView;
  }

  #evaluated(uid: Id, member: MemberDoc): Evaluated {
    const { aclVer } = this.doc.value;
    if (this.#rightsVer !== aclVer) this.#rights.clear();
    this.#rightsVer = aclVer;
    const kept = this.#rights.get(uid);
    if (kept !== undefined) return kept;
    const guild = guildRights(this.facts, { uid, roles: member.roles });
    const evaluated: Evaluated = { guild, bySid: new Map() };
    this.#rights.set(uid, evaluated);
    return evaluated;
  }

  #evaluate(uid: Id, member: MemberDoc, sid: Id): number {
    if (sid === this.mainView) return VIEW_RIGHTS;
    const channel = this.channels.get(sid);
    if (channel === undefined) {
      for (const one of this.channels.values()) {
        if (one.parent !== undefined || one.viewSid !== sid) continue;
        return may(this.permsOf(uid, member, one.id), PERM_VIEW) ? VIEW_RIGHTS : 0;
      }
      return 0;
    }
    if (channel.parent !== undefined) {
      return this.channels.has(channel.parent) ? this.permsOf(uid, member, channel.parent) : 0;
    }
    return channelRights(this.facts, { uid, roles: member.roles }, channel.overwrites ?? []);
  }

  // -------------------------------------------------------------- members

  /** The membership of a user, read when it is not kept. */
  async member(docs: DocStore, uid: Id): Promise<MemberDoc | undefined> {
    const kept = this.#members.get(uid);
    if (kept !== undefined) return kept === 'none' ? undefined : kept;
    const [doc] = await docs.get<MemberDoc>('member', [childKey(this.gid, uid)]);
    // A write that was confirmed meanwhile knows better than this read.
    const newer = this.#members.peek(uid);
    if (newer !== undefined) return newer === 'none' ? undefined : newer;
    this.#members.set(uid, doc?.value ?? 'none');
    return doc?.value;
  }

  /** A membership as it was just written. */
  setMember(uid: Id, member: MemberDoc | 'none'): void {
    this.#members.set(uid, member);
    this.#rights.delete(uid);
  }

  /** Roles of a member that still exist, in their order. */
  rolesOf(member: MemberDoc): readonly Id[] {
    return member.roles.every((id) => this.roles.has(id))
      ? member.roles
      : member.roles.filter((id) => this.roles.has(id));
  }

  // -------------------------------------------------------------- channels and roles

  /** Takes channels as they are now; null removes one. */
  setChannels(changed: Iterable<readonly [Id, ChannelDoc | null]>): void {
    const channels = new Map(this.channels);
    for (const [sid, channel] of changed) {
      if (channel === null) channels.delete(sid);
      else channels.set(sid, channel);
    }
    this.channels = channels;
  }

  /** Channels in the order people see. */
  ordered(): ChannelDoc[] {
    return [...this.channels.values()].sort((a, b) => a.position - b.position || a.id - b.id);
  }

  /** Threads of a channel. */
  threadsOf(sid: Id): ChannelDoc[] {
    return [...this.channels.values()].filter((channel) => channel.parent === sid);
  }

  /** Roles from the lowest: everyone first. */
  orderedRoles(): RoleDoc[] {
    return [...this.roles.values()].sort((a, b) => a.position - b.position || a.id - b.id);
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
      if (other.id === channel.id || other.parent !== undefined) continue;
      if (other.position < taken) continue;
      if (other.position > taken) break;
      taken += 1;
      changed.push({ ...other, position: taken });
    }
    return changed;
  }

  channelView(channel: ChannelDoc): Channel {
    const { id, name, topic, position, type = 1, slowModeS = 0, overwrites = [] } = channel;
    const { parent = null, startSeq = null } = channel;
    const shown = { id, guildId: this.gid, name, type: CHANNEL_TYPES[type], topic, position };
    const voice = voiceSettings(channel) ?? null;
    return { ...shown, slowModeS, overwrites, parentId: parent, startSeq, voice };
  }

  roleView(role: RoleDoc): Role {
    const { id, name, color, position, perms } = role;
    return { id, guildId: this.gid, name, color, position, perms };
  }
}

/** What the store says about a guild: its data when it exists, and what it still has to tell. */
export async function loadGuild(
  docs: DocStore,
  gid: Id,
): Promise<{ data: GuildData | undefined; outbox: OutboxEntry[] }> {
  const prefix = childPrefix(gid);
  const [[doc], channels, roles, views, outbox] = await Promise.all([
    docs.get<GuildDoc>('guild', [guildKey(gid)]),
    listAll<ChannelDoc>(docs, 'channel', prefix),
    listAll<RoleDoc>(docs, 'role', prefix),
    listAll<ViewDoc>(docs, 'view', prefix),
    listAll<OutboxDoc>(docs, 'outbox', prefix),
  ]);
  const entries = outbox.map(({ key, value }) => ({
    n: unpad(lastPart(key)),
    items: value.items,
  }));
  if (doc === undefined) return { data: undefined, outbox: entries };
  const byKey = new Map(views.map(({ key, value }) => [value.key, unpad(lastPart(key))]));
  const values = channels.map((channel) => channel.value);
  const data = new GuildData(
    doc,
    values,
    roles.map((role) => role.value),
    byKey,
  );
  return { data, outbox: entries };
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
