/** Settings of voice channels: defaults, bounds, changes. Pure; part of a guild actor. */
import type { ChannelDoc } from './docs.ts';
import type { VoiceSettings } from './types.ts';

/** protocol.md 2.4, channel type. */
const TYPE_VOICE = 2;
const DEFAULTS: VoiceSettings = { bitrate: 40_000, userLimit: 0, mode: 'open', e2e: 0 };
const MODES: ReadonlySet<unknown> = new Set(['open', 'stage', 'music', 'push_to_talk']);
const BITRATE_MIN = 16_000;
const BITRATE_MAX = 128_000;
const USER_LIMIT_MAX = 10_000;
const E2E_MAX = 255;

/** Settings of a channel; undefined when it is no voice channel. */
export function voiceSettings(channel: ChannelDoc | undefined): VoiceSettings | undefined {
  return channel?.type === TYPE_VOICE ? (channel.voice ?? DEFAULTS) : undefined;
}

/** A channel with some of its settings changed; only voice channels have any. */
export function withVoice(
  channel: ChannelDoc,
  changes: Partial<VoiceSettings> | undefined,
):
  | { readonly ok: true; readonly channel: ChannelDoc }
  | { readonly ok: false; readonly code: 'invalid'; readonly field: string } {
  if (changes === undefined) return { ok: true, channel };
  const old = voiceSettings(channel);
  const voice = { ...(old ?? DEFAULTS), ...changes };
  const field = old === undefined ? 'voice' : wrongField(voice);
  if (field !== undefined) return { ok: false, code: 'invalid', field };
  return { ok: true, channel: { ...channel, voice } };
}

function wrongField({ bitrate, e2e, mode, userLimit }: VoiceSettings): string | undefined {
  if (!isWithin(bitrate, BITRATE_MIN, BITRATE_MAX)) return 'voice.bitrate';
  if (!isWithin(userLimit, 0, USER_LIMIT_MAX)) return 'voice.userLimit';
  if (!MODES.has(mode)) return 'voice.mode';
  return isWithin(e2e, 0, E2E_MAX) ? undefined : 'voice.e2e';
}

function isWithin(n: number, min: number, max: number): boolean {
  return Number.isSafeInteger(n) && n >= min && n <= max;
}
