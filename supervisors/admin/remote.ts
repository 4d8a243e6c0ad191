/**
 * Owns the connections that gateway threads bring from outside: the actor `admin-hub` counts them and gives each a session, as
 * the Unix socket's have. Tokens were checked over there. Main thread.
 */
import {
  ADMIN_HUB,
  ADMIN_RELAY,
  type AdminHubP,
  type AdminRelayP,
  type RemoteId,
  type RemoteOpened,
  type RemotePerson,
} from '../../gateway/admin/index.ts';
import { AdminClose } from '../../gateway/admin-wire/index.ts';
import {
  at,
  type ChildSpec,
  type Clock,
  cast,
  child,
  defineActor,
  name,
} from '../../runtime/index.ts';
import type { Logger } from '../log.ts';
import type { AdminCounters } from './counters.ts';
import { ADMIN_LIMITS } from './limits.ts';
import type { AdminSession } from './session.ts';
import type { AdminCaller } from './types.ts';

/** What the hub needs of the rest. */
export interface RemoteOptions {
  readonly counters: AdminCounters;
  /** Makes a session for a connection, loading the admin side if need be. */
  readonly openSession: (transport: RemoteTransport, caller: AdminCaller) => Promise<AdminSession>;
  readonly log: Pick<Logger, 'error'>;
  readonly clock: Clock;
}

/** The way back to a connection. */
export class RemoteTransport {
  readonly encoding: RemoteOpened['encoding'];
  readonly #relay;
  readonly #conn: number;
  #sentBytes = 0;
  #leftBytes = 0;

  constructor({ conn, encoding, slot }: RemoteOpened) {
    this.encoding = encoding;
    this.#relay = at<AdminRelayP>(slot, ADMIN_RELAY);
    this.#conn = conn;
  }

  send(bytes: Uint8Array): void {
    this.#sentBytes += bytes.length;
    cast(this.#relay, 'send', { conn: this.#conn, bytes });
  }

  backlogBytes(): number {
    return this.#sentBytes - this.#leftBytes;
  }

  close(code: number): void {
    cast(this.#relay, 'close', { conn: this.#conn, code });
  }

  auth(rid: number, token: string): void {
    cast(this.#relay, 'auth', { conn: this.#conn, rid, token });
  }

  /** So many bytes of all have left the process. */
  left(bytes: number): void {
    this.#leftBytes = Math.max(this.#leftBytes, bytes);
  }
}

interface Remote {
  transport: RemoteTransport | undefined;
  session: AdminSession | undefined;
  /** Frames that came while the session was being made. */
  early: Uint8Array[];
}

const EARLY_MAX = 32;
/** Time for close frames to reach the clients before the gateway threads stop. */
const CLOSE_MS = 500;

/** Connections from outside, by gateway thread and number. */
export class RemoteHub {
  readonly #options: RemoteOptions;
  readonly #remotes = new Map<string, Remote>();
  #allGone: () => void = () => undefined;

  constructor(options: RemoteOptions) {
    this.#options = options;
  }

  /** The actor that the relays talk to. */
  child(): ChildSpec {
    const behaviour = defineActor<AdminHubP, null>({
      name: ADMIN_HUB,
      init: () => null,
      handle: {
        claim: (_state, id) => this.#claim(id),
        open: (_state, opened) => void this.#open(opened),
        frame: (_state, { bytes, ...id }) => this.#frame(id, bytes),
        left: (_state, { bytes, ...id }) => this.#left(id, bytes),
        renewed: (_state, { rid, ...person }) =>
          this.#remotes.get(keyOf(person))?.session?.renewed(callerOf(person), rid),
        closed: (_state, id) => this.#closed(id),
      },
    });
    const named = { name: name<AdminHubP>(ADMIN_HUB), restart: 'permanent' } as const;
    return child(ADMIN_HUB, behaviour, undefined, named);
  }

  /** Ends every connection; resolves when they are gone, or have had their time for it. */
  async close(code: number): Promise<void> {
    for (const { session } of [...this.#remotes.values()]) session?.close(code);
    if (this.#remotes.size === 0) return;
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimeout(resolve, CLOSE_MS);
    this.#allGone = resolve;
    await promise;
    clock.clearTimeout(timer);
  }

  #claim(id: RemoteId): boolean {
    const { counters } = this.#options;
    if (this.#remotes.size >= ADMIN_LIMITS.remoteConnections) {
      counters.connectionsRefused += 1;
      return false;
    }
    this.#remotes.set(keyOf(id), { transport: undefined, session: undefined, early: [] });
    counters.remoteConnectionsNow = this.#remotes.size;
    return true;
  }

  async #open(opened: RemoteOpened): Promise<void> {
    const remote = this.#remotes.get(keyOf(opened));
    if (remote === undefined) return;
    const transport = new RemoteTransport(opened);
    remote.transport = transport;
    const session = await this.#session(opened, transport);
    if (session === undefined) return;
    if (!this.#remotes.has(keyOf(opened))) {
      session.closed();
      return;
    }
    remote.session = session;
    session.greet(opened.authRid);
    for (const bytes of remote.early.splice(0)) session.receive(bytes);
  }

  /** undefined: the admin side could not be loaded. */
  async #session(
    opened: RemoteOpened,
    transport: RemoteTransport,
  ): Promise<AdminSession | undefined> {
    try {
      return await this.#options.openSession(transport, callerOf(opened));
    } catch (error) {
      this.#options.log.error({ err: error }, 'the admin side could not be loaded');
      transport.close(AdminClose.SERVER_ERROR);
      return undefined;
    }
  }

  #frame(id: RemoteId, bytes: Uint8Array): void {
    const remote = this.#remotes.get(keyOf(id));
    if (remote === undefined) return;
    if (remote.session !== undefined) remote.session.receive(bytes);
    else if (remote.early.length < EARLY_MAX) remote.early.push(bytes);
    else remote.transport?.close(AdminClose.OVERLOADED);
  }

  #left(id: RemoteId, bytes: number): void {
    const remote = this.#remotes.get(keyOf(id));
    remote?.transport?.left(bytes);
    remote?.session?.drained();
  }

  #closed(id: RemoteId): void {
    const remote = this.#remotes.get(keyOf(id));
    if (remote === undefined) return;
    this.#remotes.delete(keyOf(id));
    this.#options.counters.remoteConnectionsNow = this.#remotes.size;
    remote.session?.closed();
    if (this.#remotes.size === 0) this.#allGone();
  }
}

function keyOf({ conn, slot }: RemoteId): string {
  return `${slot}/${conn}`;
}

function callerOf({ address, scopes, uid }: RemotePerson): AdminCaller {
  return { via: 'remote', uid, who: `user ${uid} from ${address}`, scopes };
}
