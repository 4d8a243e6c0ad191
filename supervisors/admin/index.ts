/** The admin side of a node, as the command line and the rest of supervisors/ use it. Exports only. */
export {
  AdminClient,
  AdminError,
  type AdminErrorCode,
  type AdminEvent,
  type AdminSubscription,
  type AdminTarget,
  type CallOptions,
} from './client.ts';
export type { AdminDeps } from './deps.ts';
export type * from './types.ts';
