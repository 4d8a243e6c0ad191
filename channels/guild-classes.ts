/**
 * Visibility classes (protocol.md 2.11): channels that the same members may view share a class, and a
 * class has a view stream. `classKey` names the class of a channel from its overwrites; `reclass`
 * plans what follows when classes change: new views, moved channels, views that nobody needs any more.
 * Pure but for new ids. Part of a guild actor.
 */
import {
  type ChannelDoc,
  childKey,
  type OutboxItem,
  type RightsScope,
  streamDoc,
  streamKey,
  type ViewDoc,
} from './docs.ts';
import type { GuildData } from './guild-data.ts';
import {
  channelBody,
  type GuildTools,
  KIND_CHANNEL_CREATE,
  KIND_CHANNEL_DELETE,
} from './guild-plan.ts';
import type { RightsFacts } from './guild-rights.ts';
import { may, PERM_VIEW } from './permissions.ts';
import type { DocWrite, Id, Overwrite } from './types.ts';

/** Class of the channels that every member may view: their view is the guild's main view. */
export const MAIN_CLASS = '';

/** Who may view a channel, without what makes no difference. */
interface Viewers {
  /** What a member has to whom no list applies. */
  readonly open: boolean;
  /** Roles that give the right. They win over `deny`. */
  readonly allow: readonly Id[];
  readonly deny: readonly Id[];
  /** Roles that give the right unless `deny` takes it: by the guild, not by the channel. */
  readonly by: readonly Id[];
  readonly members: readonly Id[];
  readonly notMembers: readonly Id[];
}

/** An event about a channel in a view that is being emptied is of no use after this time. */
const LAST_WORD_MS = 500;

/**
 * Names the class of a channel with these overwrites. Two channels have one key exactly if the same
 * members may view them, whatever roles a member has.
 */
export function classKey(facts: RightsFacts, overwrites: readonly Overwrite[]): string {
  const { open, allow, deny, by, members, notMembers } = viewersOf(facts, overwrites);
  if (open && deny.length === 0 && notMembers.length === 0) return MAIN_CLASS;
  const lists = [allow, deny, by, members, notMembers].map((ids) => ids.join(','));
  return `${open ? 'open' : 'closed'}|${lists.join('|')}`;
}

/** Who may have the right to view a channel with these overwrites: never too few. */
export function viewScope(facts: RightsFacts, overwrites: readonly Overwrite[]): RightsScope {
  const { open, allow, by, members } = viewersOf(facts, overwrites);
  if (open) return { roles: 'all', uids: [] };
  return { roles: [...allow, ...by], uids: [...members, facts.ownerId] };
}

/** Both scopes together. */
export function joinScopes(a: RightsScope, b: RightsScope): RightsScope {
  const all = a.roles === 'all' || b.roles === 'all';
  const roles = all ? 'all' : [...new Set([...a.roles, ...b.roles])];
  return { roles, uids: [...new Set([...a.uids, ...b.uids])] };
}

function viewersOf(facts: RightsFacts, overwrites: readonly Overwrite[]): Viewers {
  const views = (perms: number): boolean => may(perms, PERM_VIEW);
  const of = (type: Overwrite['type'], side: 'allow' | 'deny'): Id[] => {
    const known = (o: Overwrite): boolean =>
      type === 'member' ? o.target !== facts.ownerId : facts.roles.has(o.target);
    const found = overwrites.filter((o) => o.type === type && views(o[side]) && known(o));
    return found.map((o) => o.target).sort((a, b) => a - b);
  };
  const isEveryone = (id: Id): boolean => id === facts.gid;
  const taken = of('role', 'deny').some(isEveryone);
  const given = of('role', 'allow').some(isEveryone);
  const byDefault = views(facts.roles.get(facts.gid)?.perms ?? 0);
  const open = given || (byDefault && !taken);
  let allow = of('role', 'allow').filter((id) => !isEveryone(id));
  let deny = of('role', 'deny').filter((id) => !isEveryone(id));
  let by: Id[] = [];
  if (!open && !taken) {
    by = [...facts.roles.values()]
      .filter((role) => views(role.perms) && !allow.includes(role.id) && !deny.includes(role.id))
      .map((role) => role.id)
      .sort((a, b) => a - b);
  }
  // A list that changes nothing for anybody is left out, so that equal sets have equal names.
  if (open && deny.length === 0) allow = [];
  if (!open && by.length === 0) deny = [];
  if (!open && deny.length === 0) {
    allow = [...allow, ...by].sort((a, b) => a - b);
    by = [];
  }
  const everybody = open && deny.length === 0;
  const nobody = !open && allow.length === 0 && by.length === 0;
  const members = everybody ? [] : of('member', 'allow');
  const notMembers = nobody ? [] : of('member', 'deny');
  return { open, allow, deny, by, members, notMembers };
}

/** What a guild is about to be: `channels` with their new overwrites, their `viewSid` as it was. */
export interface NextState {
  readonly facts: RightsFacts;
  readonly channels: ReadonlyMap<Id, ChannelDoc>;
}

/** What follows from the next state. */
export interface Reclass {
  /** The next channels, each with the view of its class. */
  readonly channels: ReadonlyMap<Id, ChannelDoc>;
  /** Views by class key; without the main view. */
  readonly views: ReadonlyMap<string, Id>;
  readonly writes: readonly DocWrite[];
  /** Channels that leave and enter views, then the views that end. */
  readonly items: readonly OutboxItem[];
  /** Views that end: their streams go with the outbox, not before. */
  readonly ended: ReadonlySet<Id>;
  /** Who has to ask for the guild again to know the views to follow. */
  readonly affected: RightsScope;
}

const NOBODY: RightsScope = { roles: [], uids: [] };

/** Plans the classes of the next state. */
export function reclass(tools: GuildTools, data: GuildData, next: NextState, actor: Id): Reclass {
  const { gid, mainView } = data;
  const { channels, views } = assign(tools, data, next);
  const kept = new Set(views.values());
  const known = new Set(data.views.values());
  const ended = new Set([...known].filter((sid) => !kept.has(sid)));
  const viewOf = (channel: ChannelDoc | undefined): Id | undefined => {
    if (channel?.parent === undefined) return channel && (channel.viewSid ?? mainView);
    return channels.get(channel.parent)?.viewSid ?? mainView;
  };
  const items: OutboxItem[] = [];
  const until = tools.clock.now() + LAST_WORD_MS;
  let affected = NOBODY;
  for (const sid of new Set([...data.channels.keys(), ...channels.keys()])) {
    const [old, now] = [data.channels.get(sid), channels.get(sid)];
    const from = old && data.viewOf(old);
    const to = viewOf(now);
    if (from === to) continue;
    if (from !== undefined) {
      const left = {
        type: 'event',
        sid: from,
        kind: KIND_CHANNEL_DELETE,
        actor,
        body: [sid],
      } as const;
      items.push(ended.has(from) ? { ...left, until } : left);
    }
    if (now === undefined || to === undefined) continue;
    items.push({
      type: 'event',
      sid: to,
      kind: KIND_CHANNEL_CREATE,
      actor,
      body: channelBody(now),
    });
    if (now.parent !== undefined) continue; // Who may view it is told for the parent.
    const isNew = to !== mainView && !known.has(to);
    if (old !== undefined)
      affected = joinScopes(affected, viewScope(data.facts, old.overwrites ?? []));
    if (old !== undefined || isNew) {
      affected = joinScopes(affected, viewScope(next.facts, now.overwrites ?? []));
    }
  }
  for (const sid of ended) items.push({ type: 'drop', sid });
  const made = [...views].filter(([, sid]) => !known.has(sid));
  const writes = [
    ...made.flatMap(([key, sid]) => viewCreates(gid, sid, key)),
    ...[...ended].flatMap((sid) => viewDeletes(gid, sid)),
  ];
  return { channels, views, writes, items, ended, affected };
}

/** Gives each channel the view of its class; threads have that of their parent. */
function assign(
  tools: GuildTools,
  data: GuildData,
  next: NextState,
): { readonly channels: ReadonlyMap<Id, ChannelDoc>; readonly views: ReadonlyMap<string, Id> } {
  const channels = new Map<Id, ChannelDoc>();
  const views = new Map<string, Id>();
  for (const channel of next.channels.values()) {
    const key = classKey(next.facts, channel.overwrites ?? []);
    let viewSid = data.mainView;
    if (channel.parent === undefined && key !== MAIN_CLASS) {
      viewSid = views.get(key) ?? data.views.get(key) ?? tools.ids.next();
      views.set(key, viewSid);
    }
    const right = channel.parent !== undefined || (channel.viewSid ?? data.mainView) === viewSid;
    channels.set(channel.id, right ? channel : { ...channel, viewSid });
  }
  return { channels, views };
}

function viewCreates(gid: Id, viewSid: Id, key: string): DocWrite[] {
  const doc: ViewDoc = { key };
  const stream = streamDoc('view', gid);
  return [
    { kind: 'view', key: childKey(gid, viewSid), expect: 'absent', value: doc },
    { kind: 'stream', key: streamKey(viewSid), expect: 'absent', value: stream },
  ];
}

function viewDeletes(gid: Id, viewSid: Id): DocWrite[] {
  return [
    { kind: 'view', key: childKey(gid, viewSid), expect: 'any', value: null },
    { kind: 'stream', key: streamKey(viewSid), expect: 'any', value: null },
  ];
}
