/**
 * The guild actor: entity 'guild', one per guild, on its home shard thread; the only writer of the
 * guild's documents. This file is its table of ops; reading and committing are in `guild-actor.ts`,
 * what each change means in the plans that it names.
 */
import { type Behaviour, defineActor } from '../runtime/index.ts';
import { answerLater } from './beside.ts';
import type { InviteDoc } from './docs.ts';
import {
  asMember,
  change,
  type GuildActor,
  type GuildActorP,
  type GuildArg,
  load,
  lookAgain,
  newGuildActor,
  pump,
  readAsMember,
} from './guild-actor.ts';
import { auditPage } from './guild-audit.ts';
import { planRemove, planRename, planTransfer } from './guild-changes.ts';
import {
  planCreateChannel,
  planRemoveChannel,
  planRemoveOverwrite,
  planSetOverwrite,
  planUpdateChannel,
} from './guild-channels.ts';
import { everyone, viewOf } from './guild-everyone.ts';
import {
  isInviteCode,
  isSpent,
  liveInvites,
  planCreateInvite,
  planRemoveInvite,
} from './guild-invites.ts';
import {
  planBan,
  planJoin,
  planKick,
  planLeave,
  planUnban,
  planUpdateMember,
} from './guild-members.ts';
import { FORBIDDEN, NOT_FOUND, SMALL_GUILD_MAX, UNAVAILABLE } from './guild-plan.ts';
import { banPage, guildView, memberPage, oneMember } from './guild-reads.ts';
import { planCreateRole, planRemoveRole, planUpdateRole } from './guild-roles.ts';
import { planCreateThread, threadsOf } from './guild-threads.ts';
import { planVoiceAct, voiceChannel, voicePerms } from './guild-voice.ts';
import { may, PERM_MANAGE, PERM_VIEW } from './permissions.ts';
import { FAILED, settle } from './settle.ts';
import { wakeAfterCrash } from './untold.ts';

const MEMBERS_PAGE_MAX = 1000;
const AUDIT_PAGE_MAX = 100;
const MAILBOX_MAX = 50_000;

const behaviour: Behaviour<GuildActorP, GuildActor, GuildArg> = {
  name: 'guild',
  init: newGuildActor,
  handle: {
    perms: async (s, { uid, sid }, ctx) => {
      if (!(await load(s, ctx))) return null;
      if (s.data === undefined) return 0;
      const member = await settle(s.data.member(s.tools.docs, uid));
      if (member === FAILED) return null;
      return member === undefined ? 0 : s.data.permsOf(uid, member, sid);
    },
    acl: async (s, { sid }, ctx) => {
      if (!(await load(s, ctx))) return null;
      const channel = s.data?.channels.get(sid);
      if (s.data === undefined || channel === undefined) return undefined;
      const { memberCount } = s.data.doc.value;
      const viewSid = s.data.viewOf(channel);
      const open = viewSid === s.data.mainView;
      const { slowModeS = 0 } = channel;
      return { memberCount, large: memberCount > SMALL_GUILD_MAX, open, viewSid, slowModeS };
    },
    moved: (s, m) => s.unread.moved(m),
    tellUnread: async (s, _m, ctx) => {
      if (await load(s, ctx)) s.unread.flush((sid) => viewOf(s.data, sid));
    },
    everyone: async (s, { sid }, ctx) => {
      if (!(await load(s, ctx))) return null;
      if (s.data === undefined) return [];
      return answerLater(ctx, everyone(s, ctx, s.data, sid));
    },
    watch: (s, { sid, stream }, ctx) => {
      if (!s.watchers.has(stream)) s.watchers.set(stream, { sid, monitor: ctx.monitor(stream) });
      s.presence.followed(sid);
      return ctx.self;
    },
    voiceWatch: async (s, { sid, watcher }, ctx) => {
      if (!(await load(s, ctx))) return null;
      const channel = voiceChannel(s.data, sid);
      if (channel === undefined) return undefined;
      s.rooms.watch(sid, watcher);
      return { guild: ctx.self, channel };
    },
    voiceUnwatch: (s, { sid, watcher }) => s.rooms.unwatch(sid, watcher),
    voiceChannel: async (s, { sid }, ctx) =>
      (await load(s, ctx)) ? voiceChannel(s.data, sid) : null,
    // Not beside the handlers: an answer may not come behind what a later commit tells.
    voicePerms: async (s, { sid, uids }, ctx) => {
      if (!(await load(s, ctx))) return null;
      const perms = await settle(voicePerms(s.tools, s.data, sid, uids));
      return perms === FAILED ? null : perms;
    },
    voiceAct: (s, m, ctx) => change(s, ctx, (data) => planVoiceAct(s.tools, data, m)),
    resume: async (s, _m, ctx) => {
      if (await load(s, ctx)) pump(s, ctx);
    },
    pump: (s, _m, ctx) => lookAgain(s, ctx),
    presence: async (s, m, ctx) => {
      // Nobody looks: no reason to read the guild.
      if (s.loaded || s.watchers.size === 0 || (await load(s, ctx))) s.presence.heard(m);
    },
    presenceTimer: (s, key) => s.presence.fired(key),
    windowOpen: async (s, m, ctx) => {
      const member = await asMember(s, ctx, m.uid, () => null);
      s.presence.open(m, member.ok ? undefined : member);
    },
    windowClose: (s, m) => s.presence.close(m),
    membersQuery: (s, m, ctx) =>
      readAsMember(s, ctx, m.uid, async () => {
        return { ok: true, value: await s.presence.members(m) };
      }),
    get: (s, { uid }, ctx) => asMember(s, ctx, uid, (data) => data.guild),
    channels: (s, { uid }, ctx) =>
      asMember(s, ctx, uid, (data, member) =>
        data
          .ordered()
          .filter((channel) => may(data.permsOf(uid, member, channel.id), PERM_VIEW))
          .map((channel) => data.channelView(channel)),
      ),
    threads: (s, m, ctx) =>
      readAsMember(s, ctx, m.uid, async (data, member) => threadsOf(data, member, m)),
    roles: (s, { uid }, ctx) =>
      asMember(s, ctx, uid, (data) => data.orderedRoles().map((role) => data.roleView(role))),
    view: (s, { uid }, ctx) =>
      readAsMember(s, ctx, uid, async (data, member) => {
        return { ok: true, value: await guildView(s.environment.log, data, uid, member) };
      }),
    members: (s, { uid, after, limit }, ctx) =>
      readAsMember(s, ctx, uid, async (data) => {
        const most = Math.min(limit, MEMBERS_PAGE_MAX);
        return { ok: true, value: await memberPage(s.tools.docs, data, after, most) };
      }),
    member: (s, { uid, target }, ctx) =>
      readAsMember(s, ctx, uid, async (data) => {
        const value = await oneMember(s.tools.docs, data, target);
        return value === undefined ? NOT_FOUND : { ok: true, value };
      }),
    bans: (s, { uid, after, limit }, ctx) =>
      readAsMember(s, ctx, uid, async (data, member) => {
        if (!may(data.guildPermsOf(uid, member), PERM_MANAGE)) return FORBIDDEN;
        const most = Math.min(limit, MEMBERS_PAGE_MAX);
        return { ok: true, value: await banPage(s.tools.docs, s.gid, after, most) };
      }),
    audit: (s, { uid, before, limit }, ctx) =>
      readAsMember(s, ctx, uid, async (data, member) => {
        if (!may(data.guildPermsOf(uid, member), PERM_MANAGE)) return FORBIDDEN;
        const page = { before, limit: Math.min(limit, AUDIT_PAGE_MAX) };
        const newest = data.doc.value.auditSeq ?? 0;
        return { ok: true, value: await auditPage(s.tools.docs, s.gid, newest, page) };
      }),
    invites: (s, { uid }, ctx) =>
      readAsMember(s, ctx, uid, async (data, member) => {
        if (!may(data.guildPermsOf(uid, member), PERM_MANAGE)) return FORBIDDEN;
        const now = s.tools.clock.now();
        return { ok: true, value: await liveInvites(s.tools.docs, s.gid, now) };
      }),
    invite: async (s, { code }, ctx) => {
      if (!(await load(s, ctx))) return UNAVAILABLE;
      if (!isInviteCode(code)) return NOT_FOUND;
      const found = await settle(s.tools.docs.get<InviteDoc>('invite', [code]));
      if (found === FAILED) return UNAVAILABLE;
      const invite = found[0]?.value;
      if (s.data === undefined || invite?.gid !== s.gid) return NOT_FOUND;
      if (isSpent(invite, s.tools.clock.now())) return { ok: false, code: 'invite_expired' };
      const { memberCount } = s.data.doc.value;
      return { ok: true, value: { guild: s.data.guild, memberCount } };
    },
    rename: (s, m, ctx) => change(s, ctx, (data) => planRename(s.tools, data, m)),
    transfer: (s, m, ctx) => change(s, ctx, (data) => planTransfer(s.tools, data, m)),
    remove: (s, { uid }, ctx) => change(s, ctx, (data) => planRemove(s.tools, data, uid)),
    createChannel: (s, m, ctx) => change(s, ctx, (data) => planCreateChannel(s.tools, data, m)),
    createThread: (s, m, ctx) =>
      change(s, ctx, (data) => planCreateThread(s.tools, s.environment.log, data, m)),
    updateChannel: (s, m, ctx) => change(s, ctx, (data) => planUpdateChannel(s.tools, data, m)),
    removeChannel: (s, m, ctx) => change(s, ctx, (data) => planRemoveChannel(s.tools, data, m)),
    setOverwrite: (s, m, ctx) => change(s, ctx, (data) => planSetOverwrite(s.tools, data, m)),
    removeOverwrite: (s, m, ctx) => change(s, ctx, (data) => planRemoveOverwrite(s.tools, data, m)),
    createRole: (s, m, ctx) => change(s, ctx, (data) => planCreateRole(s.tools, data, m)),
    updateRole: (s, m, ctx) => change(s, ctx, (data) => planUpdateRole(s.tools, data, m)),
    removeRole: (s, m, ctx) => change(s, ctx, (data) => planRemoveRole(s.tools, data, m)),
    createInvite: (s, m, ctx) => change(s, ctx, (data) => planCreateInvite(s.tools, data, m)),
    removeInvite: (s, m, ctx) => change(s, ctx, (data) => planRemoveInvite(s.tools, data, m)),
    join: (s, m, ctx) => change(s, ctx, (data) => planJoin(s.tools, data, m)),
    leave: (s, { uid }, ctx) => change(s, ctx, (data) => planLeave(s.tools, data, uid)),
    updateMember: (s, m, ctx) => change(s, ctx, (data) => planUpdateMember(s.tools, data, m)),
    kick: (s, m, ctx) => change(s, ctx, (data) => planKick(s.tools, data, m)),
    ban: (s, m, ctx) => change(s, ctx, (data) => planBan(s.tools, data, m)),
    unban: (s, m, ctx) => change(s, ctx, (data) => planUnban(s.tools, data, m)),
  },
  onDown: (s, { monitor, reason }) => {
    if (s.presence.down(monitor) || s.rooms.down(monitor)) return;
    for (const [stream, { sid, monitor: watch }] of s.watchers) {
      if (watch !== monitor) continue;
      s.watchers.delete(stream);
      wakeAfterCrash(sid, reason);
    }
  },
  mayPassivate: (s) =>
    s.watchers.size === 0 &&
    s.rooms.isIdle &&
    s.outbox.empty &&
    s.unsure === undefined &&
    s.presence.isIdle,
  formatStatus: ({ data, gid, loaded, outbox, presence, unsure, watchers }) => ({
    gid,
    loaded,
    exists: data !== undefined,
    aclVer: data?.doc.value.aclVer ?? null,
    channels: data?.channels.size ?? 0,
    roles: data?.roles.size ?? 0,
    streamsAwake: watchers.size,
    isTelling: !outbox.empty || !presence.isIdle,
    isUnsure: unsure !== undefined,
  }),
  mailbox: { limit: MAILBOX_MAX, overflow: 'reject' },
};

/** Behaviour of entity 'guild'. */
export const GuildEntity = defineActor<GuildActorP, GuildActor, GuildArg>(behaviour);
