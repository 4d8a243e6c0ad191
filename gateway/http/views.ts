/** Domain values as api.md shows them: ids as decimal strings, absent as null. Pure; gateway threads. */
import type * as z from 'zod';
import type {
  AuditChange,
  AuditEntry,
  Ban,
  Channel,
  Dm,
  Guild,
  Invite,
  Member,
  MessageView,
  Role,
  User,
} from '../../channels/index.ts';
import type { Participant } from '../../voice/index.ts';
import { VoicePart } from '../protocol/index.ts';
import type * as schemas from './schemas.ts';
import type * as guilds from './schemas-guilds.ts';
import type * as rooms from './schemas-rooms.ts';
import type * as talk from './schemas-talk.ts';

type View<T extends z.ZodType> = z.input<T>;

export function userView(user: User): View<typeof schemas.user> {
  const { id, username, displayName, createdAt } = user;
  return { id: String(id), username, displayName, createdAt };
}

export function guildView(guild: Guild): View<typeof schemas.guild> {
  const { id, name, ownerId, createdAt } = guild;
  return { id: String(id), name, ownerId: String(ownerId), createdAt };
}

export function channelView(channel: Channel): View<typeof schemas.channel> {
  const { id, guildId, name, topic, position, slowModeS, overwrites, parentId, startSeq } = channel;
  const { voice } = channel;
  const type = channel.type === 'voice' || channel.type === 'thread' ? channel.type : 'text';
  return {
    id: String(id),
    guildId: String(guildId),
    name,
    type,
    topic,
    position,
    slowModeS,
    overwrites: overwrites.map((overwrite) => ({
      target: String(overwrite.target),
      type: overwrite.type,
      allow: String(overwrite.allow),
      deny: String(overwrite.deny),
    })),
    parentId: parentId === null ? null : String(parentId),
    startSeq,
    voice,
  };
}

export function participantView([uid, flags]: Participant): View<typeof rooms.voiceParticipant> {
  const has = (bit: number): boolean => (flags & bit) !== 0;
  return {
    userId: String(uid),
    muted: has(VoicePart.MUTED),
    deafened: has(VoicePart.DEAF),
    serverMuted: has(VoicePart.SERVER_MUTED),
    serverDeafened: has(VoicePart.SERVER_DEAF),
    priority: has(VoicePart.PRIORITY),
    speaker: has(VoicePart.SPEAKER),
    hand: has(VoicePart.HAND),
    recorded: has(VoicePart.RECORDED),
  };
}

export function roleView(role: Role): View<typeof guilds.role> {
  const { id, guildId, name, color, position, perms } = role;
  return { id: String(id), guildId: String(guildId), name, color, position, perms: String(perms) };
}

export function banView({ userId, by, reason, at }: Ban): View<typeof guilds.ban> {
  return { userId: String(userId), byId: String(by), reason, createdAt: at };
}

export function auditView(entry: AuditEntry): View<typeof guilds.auditEntry> {
  const { id, at, actorId, action, target, changes, reason } = entry;
  return {
    id: String(id),
    actorId: String(actorId),
    action,
    target,
    changes: changes.map(({ field, from, to }) => ({
      field,
      from: auditValue(field, from),
      to: auditValue(field, to),
    })),
    reason,
    createdAt: at,
  };
}

/** Numbers of the audit log that are counts or places; all others are ids or permission bits. */
const PLAIN_NUMBERS = new Set(['color', 'position', 'slowModeS', 'maxUses', 'maxAgeMs']);

function auditValue(field: string, value: AuditChange['from']): string | number | string[] | null {
  if (typeof value === 'number') return PLAIN_NUMBERS.has(field) ? value : String(value);
  if (value === null || typeof value === 'string') return value;
  return value.map(String);
}

export function dmView(dm: Dm): View<typeof talk.dm> {
  const { id, type, name, topic, ownerId, members, createdAt } = dm;
  return {
    id: String(id),
    type,
    name,
    topic,
    ownerId: ownerId === null ? null : String(ownerId),
    members: members.map(userView),
    createdAt,
  };
}

/** `publicUrl` without a slash at its end. */
export function inviteView(invite: Invite, publicUrl: string): View<typeof schemas.invite> {
  const { code, guildId, maxUses, uses, expiresAt } = invite;
  const url = `${publicUrl}/invite/${code}`;
  return { code, guildId: String(guildId), url, maxUses, uses, expiresAt };
}

export function memberView(member: Member): View<typeof schemas.member> {
  const { user, nick, roles, joinedAt } = member;
  return { user: userView(user), nick, roles: roles.map(String), joinedAt };
}

export function messageView(
  channelId: number,
  epoch: number,
  message: MessageView,
): View<typeof schemas.message> {
  const { seq, ts, actor, content, replyTo, editedAt } = message;
  return {
    channelId: String(channelId),
    seq,
    epoch,
    ts,
    kind: 1,
    authorId: String(actor),
    content,
    replyTo,
    editedAt,
    reactions: message.reactions.map(({ emoji, count, me }) => ({ emoji, count, me })),
    attachments: message.attachments.map(([id, name, size, mime]) => ({
      id: String(id),
      name: String(name),
      size: Number(size),
      mime: String(mime),
    })),
  };
}
