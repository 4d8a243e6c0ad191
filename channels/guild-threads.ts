/**
 * Threads: channels that start from a message of a text channel, with the rights and the class of that
 * channel, and gone with it. Planned here, committed by `guild.ts`. Part of a guild actor.
 */
import type { ChannelDoc, MemberDoc } from './docs.ts';
import { channelCreates } from './guild-channels.ts';
import type { GuildData } from './guild-data.ts';
import {
  actorOf,
  CHANNEL_TYPE_TEXT,
  CHANNEL_TYPE_THREAD,
  CONFLICT,
  channelBody,
  channelFor,
  FORBIDDEN,
  type GuildTools,
  invalid,
  KIND_CHANNEL_CREATE,
  NOT_FOUND,
  nameFits,
  type Planned,
} from './guild-plan.ts';
import { may, PERM_HISTORY, PERM_SEND, PERM_VIEW } from './permissions.ts';
import { KIND_MESSAGE } from './stream-rules.ts';
import type { Channel, ChannelLog, Id, Result, Seq } from './types.ts';

/** Of one guild, beside its 400 channels; a guess. */
export const THREADS_MAX = 200;

export async function planCreateThread(
  tools: GuildTools,
  log: ChannelLog,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id; readonly seq: Seq; readonly name: string },
): Promise<Planned<Channel>> {
  const { uid, sid, seq, name } = m;
  const actor = await actorOf(tools, data, uid);
  if (!actor.ok) return actor;
  const parent = channelFor(data, actor, sid);
  if (parent === undefined) return NOT_FOUND;
  const { type = CHANNEL_TYPE_TEXT } = parent;
  if (type !== CHANNEL_TYPE_TEXT) return invalid('sid');
  const perms = data.permsOf(uid, actor.member, sid);
  // Who may not read the message cannot start from it.
  if (!may(perms, PERM_SEND) || !may(perms, PERM_HISTORY)) return FORBIDDEN;
  const all = [...data.channels.values()].filter((channel) => channel.parent !== undefined);
  const taken = all.some((thread) => thread.parent === sid && thread.startSeq === seq);
  if (taken || all.length >= THREADS_MAX || !nameFits(data, name)) return CONFLICT;
  if (!(await isMessage(log, sid, seq))) return invalid('seq');
  const thread: ChannelDoc = {
    id: tools.ids.next(),
    name,
    topic: null,
    position: 0,
    type: CHANNEL_TYPE_THREAD,
    parent: sid,
    startSeq: seq,
  };
  const body = channelBody(thread);
  const view = data.viewOf(parent);
  return {
    ok: true,
    writes: channelCreates(data.gid, thread),
    guild: {},
    items: [{ type: 'event', sid: view, kind: KIND_CHANNEL_CREATE, actor: uid, body }],
    apply: (now) => now.setChannels([[thread.id, thread]]),
    value: data.channelView(thread),
  };
}

/** Threads of a channel by id, for a member who may view it. */
export function threadsOf(
  data: GuildData,
  member: MemberDoc,
  m: { readonly uid: Id; readonly sid: Id },
): Result<readonly Channel[]> {
  if (!data.channels.has(m.sid) || !may(data.permsOf(m.uid, member, m.sid), PERM_VIEW)) {
    return { ok: false, code: 'not_found' };
  }
  const threads = data.threadsOf(m.sid).sort((a, b) => a.id - b.id);
  return { ok: true, value: threads.map((thread) => data.channelView(thread)) };
}

async function isMessage(log: ChannelLog, sid: Id, seq: Seq): Promise<boolean> {
  if (!Number.isSafeInteger(seq) || seq < 1) return false;
  const [event] = await log.get(sid, [seq]);
  return event?.kind === KIND_MESSAGE;
}
