/**
 * zod schemas of direct messages, threads, reactions, pins and read markers: bodies, queries, answers.
 * Pure; gateway threads. Never accepts a field it does not know.
 */
import * as z from 'zod';
import {
  id,
  idPageQuery,
  idText,
  name,
  placeQuery,
  seq,
  seqText,
  timeMs,
  topic,
  user,
} from './schemas.ts';
import { isEmoji } from './text-rules.ts';

const DMS_MAX = 500;
const THREADS_MAX = 400;
/** Besides the one who opens it. */
const OTHERS_MAX = 15;

// ---------------------------------------------------------------- path and query

export const messageParams = z.strictObject({ id: idText, seq: seqText });
export const reactionParams = z.strictObject({
  id: idText,
  seq: seqText,
  emoji: z
    .string()
    .refine(isEmoji, '1 to 64 bytes without control characters are wanted')
    .meta({ override: { type: 'string', minLength: 1, maxLength: 64 } }),
});
export const reactorsQuery = idPageQuery(50, 100);
export const dmsQuery = placeQuery(1, 100, DMS_MAX);
export const threadsQuery = placeQuery(1, 100, THREADS_MAX);

// ---------------------------------------------------------------- request bodies

/** One user: their dm, made when there is none. Several: a new group. */
export const openDmBody = z
  .strictObject({
    userId: idText.optional(),
    userIds: z.array(idText).min(1).max(OTHERS_MAX).optional(),
    name: name.nullish().meta({ description: 'Of a group' }),
  })
  .superRefine((body, ctx) => {
    const { userId, userIds } = body;
    if ((userId === undefined) === (userIds === undefined)) {
      ctx.addIssue({
        code: 'custom',
        path: ['userId'],
        message: 'one of userId and userIds is wanted',
      });
    } else if (userId !== undefined && body.name != null) {
      ctx.addIssue({ code: 'custom', path: ['name'], message: 'only a group has a name' });
    }
  });
export const patchDmBody = z.strictObject({
  name: name.optional(),
  topic: topic.nullish(),
});
export const createThreadBody = z.strictObject({
  name,
  seq: z.int().min(1).meta({ description: 'The message that the thread begins with' }),
});
export const markerBody = z.strictObject({
  seq: z.int().min(0).meta({ description: 'Never moves back; clipped to the head' }),
});

// ---------------------------------------------------------------- answers

export const dm = z
  .strictObject({
    id: id.meta({ description: 'Also the id of its channel' }),
    type: z.enum(['dm', 'group']),
    name: z.string().nullable(),
    topic: z.string().nullable(),
    ownerId: id.nullable(),
    members: z.array(user).meta({ description: 'The caller too' }),
    createdAt: timeMs,
  })
  .meta({ id: 'Dm' });
export const marker = z
  .strictObject({ channelId: id, seq: seq.meta({ description: '0: nothing was read' }) })
  .meta({ id: 'Marker' });
