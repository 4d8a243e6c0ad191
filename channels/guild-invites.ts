/**
 * Invites of a guild: making, listing, deleting, and when one is spent. Plans are committed by
 * `guild.ts`. Part of a guild actor.
 */
import { childPrefix, type InviteDoc, lastPart } from './docs.ts';
import { type GuildData, listAll } from './guild-data.ts';
import { inviteDeletes } from './guild-outbox.ts';
import {
  actorOf,
  CONFLICT,
  FORBIDDEN,
  type GuildTools,
  NOT_FOUND,
  type Planned,
} from './guild-plan.ts';
import { may, PERM_MANAGE } from './permissions.ts';
import type { DocStore, DocWrite, Id, Invite, Ms } from './types.ts';

const INVITES_MAX = 256;
/** 96 bits: an invite code cannot be guessed. */
const INVITE_CODE_BYTES = 12;
const INVITE_CODE_FORM = /^[A-Za-z0-9_-]{1,64}$/;

export async function planCreateInvite(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly maxUses: number | null; readonly maxAgeMs: number | null },
): Promise<Planned<Invite>> {
  const actor = await actorOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const now = tools.clock.now();
  const room = await makeRoomForInvite(tools.docs, data.gid, now);
  if (room === undefined) return CONFLICT;
  const code = Buffer.from(tools.rng.bytes(INVITE_CODE_BYTES)).toString('base64url');
  const { maxUses } = m;
  const expiresAt = m.maxAgeMs === null ? null : now + m.maxAgeMs;
  const { gid } = data;
  const doc: InviteDoc = { gid, maxUses, uses: 0, expiresAt, createdBy: m.uid, createdAt: now };
  const index = { kind: 'guildInvite', key: `${childPrefix(gid)}${code}` };
  const writes: DocWrite[] = [
    ...room,
    { kind: 'invite', key: code, expect: 'absent', value: doc },
    { ...index, expect: 'absent', value: {} },
  ];
  const value: Invite = { code, guildId: gid, maxUses, uses: 0, expiresAt };
  return { ok: true, writes, guild: {}, items: [], apply: () => undefined, value };
}

/** Managers delete every invite, members their own. */
export async function planRemoveInvite(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly code: string },
): Promise<Planned<null>> {
  const actor = await actorOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  if (!isInviteCode(m.code)) return NOT_FOUND;
  const [invite] = await tools.docs.get<InviteDoc>('invite', [m.code]);
  if (invite === undefined || invite.value.gid !== data.gid) return NOT_FOUND;
  const own = invite.value.createdBy === m.uid;
  if (!own && !may(actor.perms, PERM_MANAGE)) return FORBIDDEN;
  return {
    ok: true,
    writes: inviteDeletes(data.gid, m.code),
    guild: {},
    items: [],
    apply: () => undefined,
    // A member could push others' acts out of the log by making and deleting invites.
    ...(own ? {} : { audit: { actor: m.uid, action: 'invite.delete', target: m.code } }),
    value: null,
  };
}

/** Invites that still admit somebody, by code. */
export async function liveInvites(docs: DocStore, gid: Id, now: Ms): Promise<readonly Invite[]> {
  const index = await listAll<unknown>(docs, 'guildInvite', childPrefix(gid));
  const codes = index.map((doc) => lastPart(doc.key));
  const found = codes.length === 0 ? [] : await docs.get<InviteDoc>('invite', codes);
  return found.flatMap((doc, i) => {
    const code = codes[i];
    if (doc === undefined || code === undefined || isSpent(doc.value, now)) return [];
    const { maxUses, uses, expiresAt } = doc.value;
    return [{ code, guildId: gid, maxUses, uses, expiresAt }];
  });
}

/** True for a text that can be an invite code: anything else is not looked up. */
export function isInviteCode(code: string): boolean {
  return INVITE_CODE_FORM.test(code);
}

/** True when an invite admits nobody any more. */
export function isSpent(invite: InviteDoc, now: Ms): boolean {
  if (invite.expiresAt !== null && invite.expiresAt <= now) return true;
  return invite.maxUses !== null && invite.uses >= invite.maxUses;
}

/** Writes that free a place for one more invite; undefined when every place is taken by a live one. */
async function makeRoomForInvite(
  docs: DocStore,
  gid: Id,
  now: Ms,
): Promise<DocWrite[] | undefined> {
  const index = await listAll<unknown>(docs, 'guildInvite', childPrefix(gid));
  if (index.length < INVITES_MAX) return [];
  const codes = index.map((doc) => lastPart(doc.key));
  const invites = await docs.get<InviteDoc>('invite', codes);
  const spent = codes.filter((_code, i) => {
    const invite = invites[i];
    return invite === undefined || isSpent(invite.value, now);
  });
  return spent.length === 0 ? undefined : spent.flatMap((code) => inviteDeletes(gid, code));
}
