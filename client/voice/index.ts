/** Voice for browsers, on top of the SDK. Exports only. */

export { AudioOutput } from './audio-output.ts';
export { type E2eeCounts, Encryption, type FrameCipher } from './e2ee.ts';
export { VoiceError, type VoiceErrorCode } from './errors.ts';
export { type EngineOptions, MediasoupEngine } from './mediasoup-engine.ts';
export { MIC_DEFAULTS, type MicReport, type MicSettings, type TalkMode } from './mic-chain.ts';
export { type Microphone, type MicrophoneOptions, openMicrophone } from './microphone.ts';
export { voicePort } from './port.ts';
export type { Participant } from './roster.ts';
export { VoiceSession } from './session.ts';
export type { Voice } from './session-media.ts';
export type { VoiceEvents, VoiceOptions, VoiceState } from './session-types.ts';
export type { EncoderSettings, KeyExchange, MediaEngine, VoiceOutput, VoicePort } from './types.ts';
export { readRoute, readSentPackets, readVoiceStats, type VoiceStats } from './voice-stats.ts';
