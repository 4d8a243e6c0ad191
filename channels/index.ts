/** What other folders may use of channels/. Exports only. */
export {
  type AccountsOptions,
  createAccounts,
  foldUsername,
} from './accounts.ts';
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
  PERM_REACT,
  PERM_SEND,
  PERM_SPEAK,
  PERM_VIDEO,
  PERM_VIEW,
  PERMS_ALL,
  PERMS_EVERYONE,
} from './permissions.ts';
export * from './store/index.ts';
export type { StreamDoc } from './stream-core.ts';
export type { StreamCounters, StreamLimits } from './stream-ports.ts';
export type * from './types.ts';
