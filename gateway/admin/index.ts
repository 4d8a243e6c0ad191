/** The gateway's side of remote admin connections. Exports only. */
export { ADMIN_SCOPE, AdminDoor, REFUSALS, type RefusalCode } from './door.ts';
export { AdminRelay, type AdminRelayOptions } from './relay.ts';
export {
  ADMIN_HUB,
  ADMIN_RELAY,
  type AdminHubP,
  type AdminRelayP,
  type AdminRelayStats,
  type RemoteId,
  type RemoteOpened,
  type RemotePerson,
} from './types.ts';
