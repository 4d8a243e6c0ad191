/**
 * What a planned change of a guild is made of, and what all plans share: refusals, who may do what to
 * whom, events on views, audit records. Part of a guild actor; nothing here changes anything.
 */
import type { Clock, Rng } from '../runtime/index.ts';
import type { ChannelDoc, GuildDoc, MemberDoc, OutboxItem, RightsScope } from './docs.ts';
import type { GuildData } from './guild-data.ts';
import { highestPosition } from './guild-rights.ts';
import type { IdAllocator } from './ids.ts';
import { may, PERM_MANAGE, PERM_VIEW } from './permissions.ts';
import type {
  AuditAction,
  AuditChange,
  DocStore,
  DocWrite,
  DomainCode,
  Id,
  WireValue,
} from './types.ts';

/** Streams that are awake and have to ask again for rights. */
export interface RightsChange {
  readonly uids: 'all' | readonly Id[];
  readonly sids: 'all' | readonly Id[];
}

/** What the audit log says about a change; time and actor are added by the commit. */
export interface AuditRecord {
  readonly actor: Id;
  readonly action: AuditAction;
  readonly target: Id | string;
  readonly changes?: readonly AuditChange[];
  readonly reason?: string | null;
}

/** A change that may be committed. */
export interface Plan<T> {
  readonly ok: true;
  readonly writes: readonly DocWrite[];
  /** Fields of the guild document that change; null deletes it. */
  readonly guild: Partial<GuildDoc> | null;
  readonly items: readonly OutboxItem[];
  /** Takes the change into memory after the commit. */
  readonly apply: (data: GuildData) => void;
  readonly rights?: RightsChange;
  /** Members who hear kind 46. */
  readonly affected?: RightsScope;
  readonly audit?: AuditRecord;
  /** Users whose membership, nick or roles changed. */
  readonly members?: readonly Id[];
  /** Names, order or existence of roles changed. */
  readonly roles?: true;
  readonly value: T;
}

/** Nothing to do: answered with `value`. */
export interface Unchanged<T> {
  readonly ok: true;
  readonly unchanged: true;
  readonly value: T;
}

export interface Refused {
  readonly ok: false;
  readonly code: DomainCode;
  readonly field?: string;
}

export type Planned<T> = Plan<T> | Unchanged<T> | Refused;

export interface GuildTools {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly ids: IdAllocator;
}

/** A guess; protects `connect`, which lists them. */
export const GUILDS_PER_USER_MAX = 200;
/** Joins and leaves are events of the view stream up to this size (protocol.md 2.5, kinds 26 to 28). */
export const SMALL_GUILD_MAX = 250;

/**
 * All names of channels and roles together. With the numbers of 600 channels and threads and of 250
 * roles (77 KiB in JSON) a GUILD reply stays within the 128 KiB of protocol.md 2.13.
 */
const NAMES_BYTES_MAX = 48 * 1024;

export const CHANNEL_TYPE_TEXT = 1;
export const CHANNEL_TYPE_VOICE = 2;
export const CHANNEL_TYPE_THREAD = 5;

export const KIND_GUILD_META = 20;
export const KIND_CHANNEL_CREATE = 21;
export const KIND_CHANNEL_UPDATE = 22;
export const KIND_CHANNEL_DELETE = 23;
export const KIND_ROLE_UPSERT = 24;
export const KIND_ROLE_DELETE = 25;
export const KIND_MEMBER_JOIN = 26;
export const KIND_MEMBER_LEAVE = 27;
export const KIND_MEMBER_UPDATE = 28;

/** Answer while the store cannot be reached. */
export const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
export const FORBIDDEN: Refused = { ok: false, code: 'forbidden' };
export const NOT_FOUND: Refused = { ok: false, code: 'not_found' };
export const CONFLICT: Refused = { ok: false, code: 'conflict' };

export function invalid(field: string): Refused {
  return { ok: false, code: 'invalid', field };
}

/** A member who acts. */
export interface Actor {
  readonly ok: true;
  readonly uid: Id;
  readonly member: MemberDoc;
  /** Rights in the guild. */
  readonly perms: number;
  /** Roles and members below this position may be acted on. */
  readonly position: number;
}

/** The acting member, or not_found for a stranger. */
export async function actorOf(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<Actor | Refused> {
  const member = await data.member(tools.docs, uid);
  if (member === undefined) return NOT_FOUND;
  const perms = data.guildPermsOf(uid, member);
  const position = highestPosition(data.facts, { uid, roles: member.roles });
  return { ok: true, uid, member, perms, position };
}

/** As `actorOf`; forbidden for members without the right to manage the guild. */
export async function managerOf(
  tools: GuildTools,
  data: GuildData,
  uid: Id,
): Promise<Actor | Refused> {
  const actor = await actorOf(tools, data, uid);
  return actor.ok && !may(actor.perms, PERM_MANAGE) ? FORBIDDEN : actor;
}

/**
 * Whether a name has room beside all others of the guild (`instead`: the one that it replaces). A GUILD
 * reply names every channel and role, and has to fit a frame.
 */
export function nameFits(data: GuildData, name: string, instead = ''): boolean {
  const more = Buffer.byteLength(name) - Buffer.byteLength(instead);
  // A folder of before this bound may be beyond it: it can still shrink.
  if (more <= 0) return true;
  let bytes = more;
  for (const channel of data.channels.values()) bytes += Buffer.byteLength(channel.name);
  for (const role of data.roles.values()) bytes += Buffer.byteLength(role.name);
  return bytes <= NAMES_BYTES_MAX;
}

/** The channel, when the member may view it. */
export function channelFor(data: GuildData, actor: Actor, sid: Id): ChannelDoc | undefined {
  const perms = data.permsOf(actor.uid, actor.member, sid);
  return may(perms, PERM_VIEW) ? data.channels.get(sid) : undefined;
}

/** A change of rights in the guild document. */
export function raisedAcl(data: GuildData): { readonly aclVer: number } {
  return { aclVer: data.doc.value.aclVer + 1 };
}

/** An event of the main view, which every member may follow. */
export function mainEvent(
  data: GuildData,
  actor: Id,
  kind: number,
  body: readonly WireValue[],
): OutboxItem {
  return { type: 'event', sid: data.mainView, kind, actor, body };
}

/** Body of kinds 21 and 22. */
export function channelBody(channel: ChannelDoc): WireValue[] {
  const { id, type = CHANNEL_TYPE_TEXT, name, topic, position, parent, startSeq } = channel;
  const body: WireValue[] = [id, type, name, topic, position];
  return parent === undefined ? body : [...body, parent, startSeq ?? 0];
}

/** The fields that differ between two states of one object. */
export function changesOf<T extends object>(
  old: T,
  now: T,
  fields: readonly (keyof T & string)[],
): AuditChange[] {
  const shown = (value: unknown): AuditChange['from'] => {
    if (typeof value === 'string' || typeof value === 'number') return value;
    return Array.isArray(value) ? (value as number[]) : null;
  };
  return fields
    .filter((field) => old[field] !== now[field])
    .map((field) => ({ field, from: shown(old[field]), to: shown(now[field]) }));
}
