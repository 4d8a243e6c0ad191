/** The wire format of Driftway v1: frames, codecs, codes and argument checks. Imports nothing of ours. */

export { asyncApiDocument } from './asyncapi.ts';
export {
  appendFrame,
  guildFrame,
  historyFrame,
  identifyFrame,
  markFrame,
  reauthFrame,
  subFrame,
  syncFrame,
  timeFrame,
  unsubFrame,
} from './client-frames.ts';
export {
  membersFrame,
  statusFrame,
  typeFrame,
  windowCloseFrame,
  windowOpenFrame,
} from './client-frames-presence.ts';
export {
  vCloseFrame,
  vConnectFrame,
  vConsumeFrame,
  vE2eFrame,
  vIceFrame,
  vJoinFrame,
  vLeaveFrame,
  vPauseFrame,
  vProduceFrame,
  vStateFrame,
  vSyncFrame,
  vTransportFrame,
} from './client-frames-voice.ts';
export type { CloseCode, CloseName } from './close-codes.ts';
export { Close, closeAction, closeName } from './close-codes.ts';
export { decodeFrame, encodeFrame, encodeOkAppend } from './codec.ts';
export type { TextVerdict } from './content.ts';
export { checkContent, checkText, hasCleanCharacters, isNonce, utf8Length } from './content.ts';
export type { ErrCode, ErrName } from './err-codes.ts';
export { Err, errName } from './err-codes.ts';
export type { ProtocolErrorCode } from './errors.ts';
export { ProtocolError } from './errors.ts';
export type { EventHead } from './event.ts';
export {
  decodeEvent,
  encodeEvent,
  eventFrame,
  eventOfFrame,
  readEpoch,
  readEventHead,
  readSeq,
  readSid,
  trimBody,
  withEpoch,
} from './event.ts';
export { fitHistory, glueBatch, glueHistoryOk, packBatches, transcodeToJson } from './glue.ts';
export { decodeJson, encodeJson, encodeJsonText } from './json.ts';
export {
  GapReason,
  gapVoidsCache,
  Kind,
  MsgFlag,
  Perm,
  SubStatus,
  VOICE_ROSTER_KINDS,
  VoiceJoin,
  VoiceKind,
  VoicePart,
  VoiceState,
} from './kinds.ts';
export { isU32, isU53, Limits, PROTOCOL_VERSION, SUBPROTOCOL } from './limits.ts';
export { decodeMp } from './mp-decode.ts';
export { encodeMp } from './mp-encode.ts';
export type { OpCode, OpName } from './ops.ts';
export { CLIENT_OPS, Op } from './ops.ts';
export type { ParsedBody } from './parse-append.ts';
export { parseAppendBody } from './parse-append.ts';
export { parseMarkResult } from './parse-notices.ts';
export { parseMembersResult, parseWindowResult } from './parse-presence.ts';
export { parseRequest, ridOf } from './parse-request.ts';
export {
  parseAppendResult,
  parseGuildResult,
  parseHistoryResult,
  parseIdentifyResult,
  parseServerFrame,
  parseSubResult,
  parseSyncResult,
} from './parse-server.ts';
export {
  parseVConsumeResult,
  parseVIceResult,
  parseVJoinResult,
  parseVProduceResult,
  parseVSyncResult,
  parseVTransportResult,
} from './parse-voice.ts';
export {
  authExpiringFrame,
  closeErrFrame,
  errFrame,
  gapFrame,
  headFrame,
  helloFrame,
  okAppendFrame,
  okFrame,
  okGuildFrame,
  okIdentifyFrame,
  okSubFrame,
  okSyncFrame,
  pingFrame,
  reconnectFrame,
  subEndFrame,
} from './server-frames.ts';
export {
  encodeReceipt,
  encodeUnread,
  mayMention,
  receiptFrame,
  unreadFrame,
} from './server-frames-notices.ts';
export type { WindowEntry } from './server-frames-presence.ts';
export {
  okMembersFrame,
  okWindowFrame,
  presenceFrame,
  typingFrame,
  windowFrame,
} from './server-frames-presence.ts';
export type { ParticipantElement } from './server-frames-voice.ts';
export { okVJoinFrame, okVSyncFrame, voiceFrame } from './server-frames-voice.ts';
export type {
  AppendResult,
  BadFrameReason,
  Cursor,
  Decoded,
  DecodeOptions,
  Encoding,
  EventFields,
  Frame,
  GapFields,
  GuildChannel,
  GuildResult,
  HelloFields,
  HelloLimits,
  HistoryResult,
  IdentifyResult,
  ParsedRequest,
  Request,
  ServerFrame,
  StreamEvent,
  SubEntry,
  SubResult,
  SyncResult,
  UnreadEntry,
  VoiceFrame,
  WireValue,
} from './types.ts';
export type {
  MemberResult,
  OpenedLeaf,
  PresenceEntry,
  PresenceFrame,
  PresenceRequest,
  WindowResult,
  WindowRow,
} from './types-presence.ts';
export type {
  VoiceConsumerResult,
  VoiceJoinResult,
  VoiceMedia,
  VoiceMemberRequest,
  VoiceParticipant,
  VoiceRequest,
  VoiceSyncResult,
  VoiceTransportResult,
} from './types-voice.ts';
