/** What tests and benches outside of voice/ use: the thin client. Exports only. */
export {
  closeRtc,
  type DtlsParameters,
  type IceCandidate,
  NotConnected,
  RtcTransport,
  type TransportParams,
} from './support/rtc-transport.ts';
export {
  AUDIO_LEVEL_URI,
  opusCapabilities,
  opusParameters,
  RTP,
  type RtpHead,
  RtpStream,
  readRtp,
} from './support/rtp.ts';
export {
  Chorus,
  type Heard,
  KIND,
  type Signal,
  V,
  type VoiceEvent,
  VoicePeer,
  type VoicePeerOptions,
  VoiceRefused,
} from './support/voice-peer.ts';
