/** The Driftway SDK: browsers and Node. */

export type { ConnectionEnd } from './backoff.ts';
export { Backoff, herdDelayMs, repairDelayMs, STABLE_MS } from './backoff.ts';
export type { ClientEvents, ClientOptions } from './client.ts';
export { DriftwayClient } from './client.ts';
export type { Clock, Rng } from './clock.ts';
export { createNonce, systemClock, systemRng } from './clock.ts';
export type { OpenSocket, Reply, SocketLike } from './connection.ts';
export type { Unlisten } from './emitter.ts';
export { Emitter } from './emitter.ts';
export type { ClientErrorCode, ClientErrorData } from './errors.ts';
export { ClientError } from './errors.ts';
export type { ClientState } from './link.ts';
export type { WindowView } from './member-window.ts';
export type { NoticeEvents } from './notices.ts';
export type { ErrMeaning, OutboxEntry } from './outbox.ts';
export { meaningOf, Outbox } from './outbox.ts';
export type { MessagePage, RestOptions, TokenSource } from './rest.ts';
export { RestClient } from './rest.ts';
export type {
  RestChannel,
  RestDm,
  RestGrant,
  RestGuild,
  RestInvite,
  RestInvitePreview,
  RestList,
  RestMember,
  RestMessage,
  RestMessages,
  RestUser,
  RestVoiceSettings,
} from './rest-types.ts';
export type { Outgoing } from './sender.ts';
export type { ClientStorage } from './storage.ts';
export { memoryStorage, webStorage } from './storage.ts';
export type { Outcome, UnknownRange } from './stream-position.ts';
export { StreamPosition } from './stream-position.ts';
export type { TokenPair, TokensOptions } from './tokens.ts';
export { createTokens } from './tokens.ts';
