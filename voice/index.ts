/** What other folders may use of voice/. Exports only. */
export {
  type HostedVoice,
  hostVoice,
  type VoiceHostOptions,
  type VoiceLog,
  type VoiceParts,
  type VoiceStatus,
} from './host.ts';
export { type IceServer, isTurnUrl, type TurnOptions } from './ice.ts';
export { onLastBreath } from './last-breath.ts';
export type { RoomLimits, VoiceCounters } from './room/ports.ts';
export type { RoomFigures, RoomStatus } from './room/registry.ts';
export type { SelfCallOffer } from './self-call.ts';
export * from './types.ts';
export type { PoolStatus, WorkerStatus } from './worker/index.ts';
