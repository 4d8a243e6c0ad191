/**
 * What a case stands on: the server, its world, the encoding, and every connection that the case opened, so that the suite can audit
 * their logs and end them. One stage per run of a case.
 */
import { Connection, type ConnectionOptions, type Identity } from '../peer/connection.ts';
import { Failure } from '../peer/failure.ts';
import { Follower } from '../peer/follower.ts';
import type { Event } from '../peer/log.ts';
import { asEvent } from '../peer/log.ts';
import { pause } from '../peer/time.ts';
import { Op } from '../wire/codes.ts';
import { UpgradeRefused } from '../wire/socket.ts';
import type { Encoding, Frame } from '../wire/types.ts';
import type { OwnServer } from './own-server.ts';
import { Unfit } from './types.ts';
import type { World } from './world.ts';

/** An identified connection. */
export interface Seat {
  readonly connection: Connection;
  readonly identity: Identity;
}

/** What HISTORY holds of a stream. */
export interface History {
  readonly sid: number;
  readonly epoch: number;
  readonly first: number;
  readonly head: number;
  readonly events: readonly Event[];
}

const PAGE = 200;
const UPGRADE_TRIES = 40;

/** The stage of one run. */
export class Stage {
  readonly encoding: Encoding;
  readonly world: World;
  /** URLs of the nodes; at least one. */
  readonly urls: readonly string[];
  /** The server's process, where the suite started it. */
  readonly server: OwnServer | undefined;
  readonly connections: Connection[] = [];
  readonly #patienceMs: number | undefined;
  /** Tells the person at the terminal how far a long case is. */
  readonly progress: (text: string) => void;

  constructor(fields: {
    readonly encoding: Encoding;
    readonly world: World;
    readonly urls: readonly string[];
    readonly server: OwnServer | undefined;
    readonly patienceMs: number | undefined;
    readonly progress: (text: string) => void;
  }) {
    this.encoding = fields.encoding;
    this.world = fields.world;
    this.urls = fields.urls;
    this.server = fields.server;
    this.#patienceMs = fields.patienceMs;
    this.progress = fields.progress;
  }

  /** The server's process; Unfit where it is somebody else's. */
  get control(): OwnServer {
    if (this.server === undefined)
      throw new Unfit('needs control', 'kills or restores the server: run without --url');
    return this.server;
  }

  /** A connection that has not identified. */
  async open(client: string, options: Partial<ConnectionOptions> = {}): Promise<Connection> {
    for (let tries = 1; ; tries += 1) {
      try {
        const connection = await Connection.open({
          url: this.world.url,
          encoding: this.encoding,
          client,
          ...(this.#patienceMs === undefined ? {} : { patienceMs: this.#patienceMs }),
          ...options,
        });
        this.connections.push(connection);
        return connection;
      } catch (error) {
        // Public limits: 20 upgrades in 10 s (protocol.md 2.13).
        const isBusy = error instanceof UpgradeRefused && error.status === 429;
        if (!isBusy || tries === UPGRADE_TRIES) throw error;
        await pause(500);
      }
    }
  }

  /** A connection of the named user, identified. */
  async sit(
    name: string,
    options: Partial<ConnectionOptions> & { readonly resume?: readonly [string, string] } = {},
  ): Promise<Seat> {
    const { resume, ...rest } = options;
    const connection = await this.open(name, rest);
    return { connection, identity: await this.identify(connection, name, resume) };
  }

  /** Identifies as the named user. */
  async identify(
    connection: Connection,
    name: string,
    resume: readonly [string, string] | null = null,
  ): Promise<Identity> {
    const token = await this.world.token(await this.world.user(name));
    return connection.identify(token, resume);
  }

  /** As sit, for cases that need no more than the connection. */
  async connect(name: string, options: Partial<ConnectionOptions> = {}): Promise<Connection> {
    return (await this.sit(name, options)).connection;
  }

  /** A follower of `sid` that is subscribed from now. */
  async follow(name: string, sid: number, url?: string): Promise<Follower> {
    const follower = new Follower(sid);
    await this.join(follower, name, url);
    return follower;
  }

  /** The follower once more on a new connection, with its cursor. */
  join(follower: Follower, name: string, url?: string): Promise<Follower['joined']> {
    return follower.join((options) =>
      this.connect(name, { ...options, ...(url === undefined ? {} : { url }) }),
    );
  }

  /** The whole log of a stream by HISTORY, from the first event on. */
  async history(sid: number, by?: Connection): Promise<History> {
    const reader = by ?? (await this.connect('C'));
    const events: Event[] = [];
    let seen = 0;
    for (;;) {
      const args = seen === 0 ? [1, 1, PAGE - 1] : [seen, 0, PAGE];
      const [epoch, first, head, page] = await reader.ok(Op.HISTORY, sid, ...args);
      for (const frame of page as readonly Frame[])
        events.push(asEvent({ frame, atMs: 0, bytes: Buffer.alloc(0) }));
      const last = events.at(-1)?.seq ?? Number(head);
      if (last >= Number(head) || (page as Frame).length === 0)
        return { sid, epoch: Number(epoch), first: Number(first), head: Number(head), events };
      if (last <= seen) throw new Failure(`HISTORY of ${sid} stays at ${last} of ${head}`);
      seen = last;
    }
  }

  /** Ends all connections. */
  async clear(): Promise<void> {
    for (const connection of this.connections) connection.socket.reset();
    await Promise.all(this.connections.map(({ ended }) => ended));
  }
}
