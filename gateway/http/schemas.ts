/**
 * zod schemas of every body, query and path parameter of api.md: what is checked, and what the
 * OpenAPI document says. Pure; gateway threads. Never accepts a field it does not know.
 */
import * as z from 'zod';
import { checkContent, checkText, isNonce, Limits } from '../protocol/index.ts';
import { voiceBody, voiceSettings } from './schemas-voice.ts';
import {
  isEmail,
  isPassword,
  NAME_CHARS_MAX,
  normalizeDisplayName,
  normalizeName,
  normalizeTopic,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
  USERNAME_TYPED,
} from './text-rules.ts';

const U53 = /^(0|[1-9][0-9]{0,15})$/;
const DAY_S = 86_400;

/** A string that a rule normalises or refuses. */
function normalized<T>(rule: (text: string) => T | undefined, message: string) {
  return z.string().transform((text, ctx): T => {
    const value = rule(text);
    if (value !== undefined) return value;
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

// ---------------------------------------------------------------- path and query

/** Decimal text of a u53 to a number. */
const u53Text = z
  .string()
  .regex(U53, 'a decimal number up to 2^53 - 1 is wanted')
  .transform(Number)
  .refine(Number.isSafeInteger, 'a decimal number up to 2^53 - 1 is wanted');

export const idText = u53Text.meta({ override: { type: 'string', pattern: '^[0-9]{1,16}$' } });
export const seqText = u53Text.meta({ override: { type: 'integer', minimum: 0 } });

export function limitText(fallback: number, max: number) {
  return u53Text
    .refine((value) => value >= 1 && value <= max, `a number from 1 to ${max} is wanted`)
    .optional()
    .transform((value) => value ?? fallback)
    .meta({ override: { type: 'integer', minimum: 1, maximum: max, default: fallback } });
}

export const idParams = z.strictObject({ id: idText });
export const codeParams = z.strictObject({ code: z.string() });
/** Pages by id: `after` is the id of the last item. */
export function idPageQuery(fallback: number, max: number) {
  return z.strictObject({ after: idText.optional(), limit: limitText(fallback, max) });
}
/** Pages of a list that is whole in memory, by places of `parts` numbers. */
export function placeQuery(parts: number, fallback: number, max: number) {
  const form = new RegExp(`^${Array(parts).fill('[0-9]{1,16}').join('\\.')}$`);
  const after = z
    .string()
    .regex(form, 'the `next` of a page is wanted')
    .transform((text) => text.split('.').map(Number))
    .optional()
    .meta({ override: { type: 'string', pattern: form.source } });
  return z.strictObject({ after, limit: limitText(fallback, max) });
}
export const guildsQuery = placeQuery(1, 200, 200);
export const channelsQuery = placeQuery(2, 400, 400);
export const membersQuery = idPageQuery(100, 1000);
export const messagesQuery = z
  .strictObject({
    before: seqText.optional(),
    after: seqText.optional(),
    around: seqText.optional(),
    limit: limitText(50, 100),
  })
  .superRefine((query, ctx) => {
    const given = (['before', 'after', 'around'] as const).filter(
      (key) => query[key] !== undefined,
    );
    if (given.length < 2) return;
    ctx.addIssue({
      code: 'custom',
      path: [given[1] as string],
      message: 'only one of before, after and around is allowed',
    });
  });

// ---------------------------------------------------------------- request bodies

export const name = normalized(normalizeName, '1 to 64 visible characters are wanted').meta({
  override: { type: 'string', minLength: 1, maxLength: NAME_CHARS_MAX },
  description: 'Stored as NFC, without spaces at its ends',
});
export const displayName = normalized(
  normalizeDisplayName,
  '1 to 64 visible characters, at most 96 bytes, are wanted',
).meta({
  override: { type: 'string', minLength: 1, maxLength: NAME_CHARS_MAX },
});
export const topic = normalized(
  normalizeTopic,
  'at most 256 bytes without control characters are wanted',
).meta({
  override: { type: 'string', maxLength: 256 },
});
const password = z
  .string()
  .refine(isPassword, '8 to 256 characters are wanted')
  .meta({
    override: {
      type: 'string',
      minLength: PASSWORD_CHARS_MIN,
      maxLength: PASSWORD_CHARS_MAX,
      format: 'password',
    },
  });

export const registerBody = z.strictObject({
  username: z
    .string()
    .regex(USERNAME_TYPED, '2 to 32 of a-z, 0-9, _ and . are wanted')
    .meta({ description: 'Capitals are folded', example: 'alice' }),
  password,
  displayName: displayName.nullish(),
  email: z.string().refine(isEmail, 'an e-mail address is wanted').nullish(),
  invite: z.string().min(1).max(64).nullish(),
});
export const loginBody = z.strictObject({
  username: z.string().min(1).max(254).meta({ description: 'User name or e-mail address' }),
  password: z
    .string()
    .min(1)
    .max(2 * PASSWORD_CHARS_MAX)
    .meta({ override: { type: 'string', minLength: 1, format: 'password' } }),
});
export const refreshBody = z.strictObject({ refreshToken: z.string().min(1).max(512) });
export const patchUserBody = z.strictObject({ displayName: displayName.optional() });
export const emptyBody = z.strictObject({});
export const createGuildBody = z.strictObject({ name });
export const patchGuildBody = z.strictObject({ name: name.optional() });
export const createChannelBody = z.strictObject({
  name,
  type: z.enum(['text', 'voice']).optional().meta({ description: 'text where absent' }),
  topic: topic.nullish(),
  voice: voiceBody.optional().meta({ description: 'Of a voice channel' }),
});
const slowModeS = z
  .int()
  .min(0)
  .max(21_600)
  .meta({ description: 'Seconds between two messages of one user; 0 = none' });
export const patchChannelBody = z.strictObject({
  name: name.optional(),
  topic: topic.nullish(),
  position: z.int().min(0).max(1_000_000).optional(),
  slowModeS: slowModeS.optional(),
  voice: voiceBody.optional().meta({ description: 'Of a voice channel' }),
});
export const createInviteBody = z.strictObject({
  maxUses: z
    .int()
    .min(1)
    .max(1_000_000)
    .nullish()
    .meta({ description: 'Absent or null: no limit' }),
  maxAgeS: z
    .int()
    .min(0)
    .max(3650 * DAY_S)
    .nullish()
    .meta({ description: 'Seconds; 0 = for ever, absent = 7 days' }),
});
const content = z
  .string()
  .refine(
    (text) => checkContent(text) === 0,
    '1 to 4000 characters without control characters are wanted',
  )
  .meta({ override: { type: 'string', minLength: 1, maxLength: 4000 } });
const fileText = z
  .string()
  .refine(
    (text) => checkText(text) === 0,
    'at most 256 bytes without control characters are wanted',
  )
  .meta({ override: { type: 'string', maxLength: 256 } });
export const editMessageBody = z.strictObject({ content });
export const createMessageBody = z.strictObject({
  content,
  nonce: z
    .string()
    .refine(isNonce, '1 to 36 of A-Z, a-z, 0-9, _ and - are wanted')
    .meta({ override: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,36}$' } }),
  replyTo: z.int().min(1).nullish().meta({ description: 'seq of a message of this channel' }),
  attachments: z
    .array(z.strictObject({ id: fileText, name: fileText, size: z.int().min(0), mime: fileText }))
    .max(Limits.attachmentsMax)
    .optional()
    .meta({ description: 'What was uploaded before' }),
  silent: z.boolean().optional().meta({ description: 'Tells nobody besides those who look' }),
  mentionsEveryone: z.boolean().optional().meta({ description: 'Wants the right to manage' }),
});

// ---------------------------------------------------------------- answers

export const id = z.string().regex(U53).meta({ description: 'Entity id, decimal' });
export const timeMs = z.int().min(0).meta({ description: 'ms since 1970' });
export const seq = z.int().min(0);
/** Permission bits of protocol.md 2.4. */
export const perms = z.string().regex(U53).meta({ description: 'Permission bits, decimal' });

export const user = z
  .strictObject({ id, username: z.string(), displayName: z.string(), createdAt: timeMs })
  .meta({ id: 'User' });
export const session = z
  .strictObject({
    user,
    accessToken: z.string(),
    refreshToken: z.string(),
    expiresAt: timeMs.meta({ description: 'Expiry of the access token, ms since 1970' }),
  })
  .meta({ id: 'Session' });
export const guild = z
  .strictObject({ id, name: z.string(), ownerId: id, createdAt: timeMs })
  .meta({ id: 'Guild' });
export const overwrite = z
  .strictObject({
    target: id.meta({ description: 'A role (the id of the guild: everyone) or a user' }),
    type: z.enum(['role', 'member']),
    allow: perms,
    deny: perms,
  })
  .meta({ id: 'Overwrite' });
export const channel = z
  .strictObject({
    id,
    guildId: id,
    name: z.string(),
    type: z.enum(['text', 'voice', 'thread']),
    topic: z.string().nullable(),
    position: z.int(),
    slowModeS: z.int().meta({ description: 'Seconds between two messages of one user' }),
    overwrites: z.array(overwrite),
    parentId: id.nullable().meta({ description: 'Channel of a thread' }),
    startSeq: seq.nullable().meta({ description: 'Message that a thread began with' }),
    voice: voiceSettings.nullable().meta({ description: 'Of a voice channel' }),
  })
  .meta({ id: 'Channel' });
export const invite = z
  .strictObject({
    code: z.string(),
    guildId: id,
    url: z.string(),
    maxUses: z.int().nullable(),
    uses: z.int(),
    expiresAt: timeMs.nullable(),
  })
  .meta({ id: 'Invite' });
export const invitePreview = z
  .strictObject({
    code: z.string(),
    guild: z.strictObject({ id, name: z.string(), memberCount: z.int() }),
  })
  .meta({ id: 'InvitePreview' });
export const joined = z.strictObject({ guild });
export const member = z
  .strictObject({ user, nick: z.string().nullable(), roles: z.array(id), joinedAt: timeMs })
  .meta({ id: 'Member' });
export const message = z
  .strictObject({
    channelId: id,
    seq,
    epoch: z.int(),
    ts: timeMs,
    kind: z
      .int()
      .meta({ description: '1; 0 for a repeated nonce whose message was deleted since' }),
    authorId: id,
    content: z.string(),
    replyTo: seq.nullable(),
    editedAt: timeMs.nullable(),
    reactions: z.array(z.strictObject({ emoji: z.string(), count: z.int(), me: z.boolean() })),
    attachments: z.array(
      z.strictObject({ id: z.string(), name: z.string(), size: z.int(), mime: z.string() }),
    ),
  })
  .meta({ id: 'Message', description: '(channelId, seq) is its identity' });
export const messagePage = z.strictObject({
  epoch: z.int(),
  first: seq,
  head: seq,
  items: z.array(message),
});

/** A list of api.md: `next` is given back as `after`. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), next: z.string().nullable() });
}

export const jwks = z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) });
const healthStatus = z.enum(['ok', 'starting', 'degraded', 'failed', 'off']);
export const health = z
  .strictObject({
    status: healthStatus,
    version: z.string(),
    uptimeS: z.number(),
    checks: z.record(
      z.string(),
      z.strictObject({ status: healthStatus, detail: z.string().optional() }),
    ),
  })
  .meta({ id: 'Health' });
export const ready = z.strictObject({ status: z.literal('ready') });
export const errorSchema = z
  .strictObject({
    code: z.string(),
    message: z.string(),
    field: z.string().optional(),
    retryAfterMs: z.int().optional(),
    requestId: z.string(),
  })
  .meta({ id: 'Error' });
export const openapi = z.record(z.string(), z.unknown()).meta({ description: 'OpenAPI 3.1' });
export const asyncapi = z.record(z.string(), z.unknown()).meta({ description: 'AsyncAPI 3.0' });
