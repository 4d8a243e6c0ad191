/**
 * zod schemas of roles, overwrites, members, bans, audit and ownership: bodies, queries, answers. Pure;
 * gateway threads. Never accepts a field it does not know.
 */
import * as z from 'zod';
import {
  displayName,
  id,
  idPageQuery,
  idText,
  limitText,
  name,
  perms,
  placeQuery,
  timeMs,
  topic,
} from './schemas.ts';

const COLOR_MAX = 0xff_ff_ff;
const ROLES_MAX = 250;
const INVITES_MAX = 256;

// ---------------------------------------------------------------- path and query

export const roleParams = z.strictObject({ id: idText, role: idText });
export const targetParams = z.strictObject({ id: idText, target: idText });
/** A member by id, or `@me`, which reads as 0. */
export const memberParams = z.strictObject({
  id: idText,
  uid: z
    .union([z.literal('@me').transform(() => 0), idText])
    .meta({ override: { type: 'string', pattern: '^([0-9]{1,16}|@me)$' } }),
});
export const userParams = z.strictObject({ id: idText, uid: idText });
export const rolesQuery = placeQuery(2, ROLES_MAX, ROLES_MAX);
export const bansQuery = idPageQuery(100, 1000);
export const auditQuery = idPageQuery(50, 100);
export const invitesQuery = z.strictObject({
  after: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'the `next` of a page is wanted')
    .optional(),
  limit: limitText(INVITES_MAX, INVITES_MAX),
});
/** Why somebody was removed: shown in the audit log. */
const reason = topic.nullish().meta({ description: 'For the audit log' });
export const reasonQuery = z.strictObject({ reason: topic.optional() });

// ---------------------------------------------------------------- request bodies

/** Decimal text to bits; which of them exist the guild knows. */
const permsText = idText.meta({
  override: { type: 'string', pattern: '^[0-9]{1,16}$' },
  description: 'Permission bits, decimal',
});
const color = z.int().min(0).max(COLOR_MAX).meta({ description: '0xRRGGBB, 0 for none' });

export const createRoleBody = z.strictObject({
  name,
  color: color.optional(),
  perms: permsText.optional().meta({ description: 'Absent: none besides those of everyone' }),
});
export const patchRoleBody = z.strictObject({
  name: name.optional(),
  color: color.optional(),
  perms: permsText.optional(),
  position: z.int().min(1).max(ROLES_MAX).optional(),
});
export const overwriteBody = z.strictObject({
  type: z.enum(['role', 'member']),
  allow: permsText.optional(),
  deny: permsText.optional(),
});
export const patchMemberBody = z.strictObject({
  nick: displayName.nullish().meta({ description: 'null: none' }),
  roles: z.array(idText).max(ROLES_MAX).optional().meta({ description: 'The whole new set' }),
});
export const banBody = z.strictObject({ reason });
export const transferBody = z.strictObject({ userId: idText });

// ---------------------------------------------------------------- answers

export const role = z
  .strictObject({
    id,
    guildId: id,
    name: z.string(),
    color: z.int(),
    position: z.int().meta({ description: '0: everyone; higher stands above' }),
    perms,
  })
  .meta({ id: 'Role', description: 'The everyone role has the id of its guild' });
export const ban = z
  .strictObject({ userId: id, byId: id, reason: z.string().nullable(), createdAt: timeMs })
  .meta({ id: 'Ban' });
const auditValue = z.union([z.string(), z.int(), z.array(z.string()), z.null()]);
export const auditEntry = z
  .strictObject({
    id: id.meta({ description: 'Rises by one per entry of the guild' }),
    actorId: id,
    action: z.string().meta({ example: 'member.ban' }),
    target: z.string().meta({ description: 'Id of what it was done to, or an invite code' }),
    changes: z.array(z.strictObject({ field: z.string(), from: auditValue, to: auditValue })),
    reason: z.string().nullable(),
    createdAt: timeMs,
  })
  .meta({ id: 'AuditEntry' });
