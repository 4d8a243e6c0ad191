/**
 * The two actors between which a remote admin connection is carried: the relay of its gateway thread, and the hub of the main
 * thread. Types only.
 */
import type { AdminEncoding } from '../admin-wire/index.ts';

/** Name of the relay on each gateway thread. */
export const ADMIN_RELAY = 'admin-relay';
/** Name of the hub on the main thread. */
export const ADMIN_HUB = 'admin-hub';

/** Names a connection in the process: gateway thread and number there. */
export interface RemoteId {
  readonly slot: string;
  readonly conn: number;
}

/** Whose connection it is, from a token that was checked. */
export interface RemotePerson {
  readonly uid: number;
  readonly scopes: readonly string[];
  readonly address: string;
}

export interface RemoteOpened extends RemoteId, RemotePerson {
  readonly encoding: AdminEncoding;
  /** Request of the AUTH that let it in; undefined: the token came with the upgrade. */
  readonly authRid: number | undefined;
}

/** Main thread. In order for each connection: claim, open, anything, closed. */
export interface AdminHubP {
  /** Counts a connection that is about to be opened. False: there are as many as may be. */
  claim(id: RemoteId): boolean;
  open(opened: RemoteOpened): void;
  /** One whole frame of the client. */
  frame(frame: RemoteId & { readonly bytes: Uint8Array }): void;
  /** So many bytes of all that were sent have left the process. */
  left(progress: RemoteId & { readonly bytes: number }): void;
  /** The same person has a newer token; `rid` is the request of its AUTH. */
  renewed(renewed: RemoteId & RemotePerson & { readonly rid: number }): void;
  closed(id: RemoteId): void;
}

/** Gateway threads. */
export interface AdminRelayP {
  send(message: { readonly conn: number; readonly bytes: Uint8Array }): void;
  close(end: { readonly conn: number; readonly code: number }): void;
  /** An AUTH came on an open connection. */
  auth(request: { readonly conn: number; readonly rid: number; readonly token: string }): void;
}

/** Counters of one gateway thread's relay, for /metrics. */
export interface AdminRelayStats {
  connectionsNow: number;
  /** Upgraded without a token and not authenticated yet. */
  waitingNow: number;
  opened: number;
  refusedOrigin: number;
  refusedToken: number;
  refusedScope: number;
  refusedRate: number;
  refusedFull: number;
  badFrames: number;
  /** No AUTH in time. */
  deadlines: number;
  expired: number;
  revoked: number;
}
