/** Schemas of the settings of voice channels. Pure; gateway threads. */
import * as z from 'zod';

const BITRATE_MIN = 16_000;
const BITRATE_MAX = 128_000;
const USER_LIMIT_MAX = 10_000;
const E2E_MAX = 255;

const mode = z.enum(['open', 'stage', 'music', 'push_to_talk']);

/** Changes of settings. */
export const voiceBody = z.strictObject({
  bitrate: z
    .int()
    .min(BITRATE_MIN)
    .max(BITRATE_MAX)
    .optional()
    .meta({ description: 'bit/s per speaker; 40,000 where absent' }),
  userLimit: z
    .int()
    .min(0)
    .max(USER_LIMIT_MAX)
    .optional()
    .meta({ description: 'People at once; 0 = no limit' }),
  mode: mode.optional().meta({ description: 'open where absent' }),
  e2e: z
    .int()
    .min(0)
    .max(E2E_MAX)
    .optional()
    .meta({ description: 'Lowest version of end-to-end encryption; 0 = none' }),
});

/** Settings of a voice channel. */
export const voiceSettings = z
  .strictObject({ bitrate: z.int(), userLimit: z.int(), mode, e2e: z.int() })
  .meta({ id: 'VoiceSettings' });
