/** Domain values as api.md shows them: ids as decimal strings, absent as null. Pure; gateway threads. */
import type * as z from 'zod';
import type { Channel, Guild, Invite, Member, MessageView, User } from '../../channels/index.ts';
import type * as schemas from './schemas.ts';

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
  const { id, guildId, name, type, topic, position } = channel;
  return { id: String(id), guildId: String(guildId), name, type, topic, position };
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
