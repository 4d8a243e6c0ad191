/** Schemas of voice rooms: who is there, and what a moderator does. Pure; gateway threads. */
import * as z from 'zod';
import { id, idText } from './schemas.ts';

export const voiceParams = z.strictObject({ id: idText, uid: idText });

/** What a moderator does to somebody in a room. */
export const moderateVoiceBody = z
  .strictObject({
    muted: z.boolean().optional(),
    deafened: z.boolean().optional(),
    priority: z.boolean().optional().meta({ description: 'Others are softer while they talk' }),
    speaker: z.boolean().optional().meta({ description: 'Of a stage' }),
    channelId: idText.optional().meta({ description: 'Voice channel to move to' }),
  })
  .refine((body) => Object.values(body).some((value) => value !== undefined), {
    message: 'one field at least is wanted',
  });

/** What to play. */
export const playBody = z.strictObject({
  file: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.(opus|ogg)$/)
    .meta({ description: 'Name in voice/library of the data folder; Ogg/Opus' }),
});

/** What is played into a room. */
export const voicePlayback = z
  .strictObject({
    file: z.string().nullable().meta({ description: 'null: nothing' }),
    userId: id.nullable().meta({ description: 'Who asked for it' }),
    files: z.array(z.string()).meta({ description: 'What could be, for those who may play' }),
  })
  .meta({ id: 'VoicePlayback' });

/** Somebody in a room. */
export const voiceParticipant = z
  .strictObject({
    userId: id,
    muted: z.boolean(),
    deafened: z.boolean(),
    serverMuted: z.boolean(),
    serverDeafened: z.boolean(),
    priority: z.boolean(),
    speaker: z.boolean(),
    hand: z.boolean(),
    recorded: z.boolean(),
  })
  .meta({ id: 'VoiceParticipant' });
