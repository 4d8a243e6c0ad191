/** What other folders may use of channels/. Exports only. */
export { foldUsername } from './account-rules.ts';
export { type AccountsOptions, createAccounts } from './accounts.ts';
export { type ChannelsErrorCode, channelsError } from './errors.ts';
export { type HostedChannels, type HostOptions, hostChannels } from './host.ts';
export { ID_EPOCH_MS, IdAllocator, idTime, pad } from './ids.ts';
export {
  may,
  PERM_CONNECT,
  PERM_HISTORY,
  PERM_MANAGE,
  PERM_MOVE,
  PERM_PIN,
  PERM_PLAY,
  PERM_REACT,
  PERM_RECORD,
  PERM_SEND,
  PERM_SPEAK,
  PERM_VIDEO,
  PERM_VIEW,
  PERMS_ALL,
  PERMS_EVERYONE,
} from './permissions.ts';
export {
  SERVICE_TOKENS_MAX,
  SERVICE_UID,
  type ServiceToken,
  type ServiceTokenOptions,
  ServiceTokens,
} from './service-tokens.ts';
export * from './store/index.ts';
export type { StreamDoc } from './stream-core.ts';
export type { StreamCounters, StreamLimits } from './stream-ports.ts';
export { streamRecordPlan, streamReplay } from './stream-recording.ts';
export type * from './types.ts';
export {
  ACCOUNTS_PAGE_MAX,
  type Account,
  UserAdmin,
  type UserAdminOptions,
} from './user-admin.ts';
