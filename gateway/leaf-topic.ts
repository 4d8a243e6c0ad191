/**
 * One leaf of a guild's member list as a gateway thread shows it: its native topics, who is in them, and
 * the last MWIN. Owned by windows.ts; talks to sockets only through `join`, `leave` and the `Publish`
 * function it is given. Bound: one frame under 16 KiB per leaf and encoding.
 */
import type { Connection } from './connection.ts';
import { type Encoding, transcodeToJson } from './protocol/index.ts';
import { type Publish, SLICE_SUBSCRIBERS_MAX } from './topic.ts';

/** One native topic: one uninterruptible publish (gateway.md 5, rule 7). */
interface LeafSlice {
  readonly name: Uint8Array;
  readonly encoding: Encoding;
  count: number;
}

export class LeafTopic {
  readonly gid: number;
  readonly leaf: number;
  /** Of the last MWIN, or as told when it was opened. */
  ver: number;
  /** Not published when it came: notices were being shed. */
  isDue = false;
  readonly #slices: LeafSlice[] = [];
  /** null: shown, but out of the native topic (lag mode). */
  readonly #viewers = new Map<Connection, LeafSlice | null>();
  #frame: Uint8Array | undefined;
  #json: Uint8Array | undefined;

  constructor(gid: number, leaf: number, ver: number) {
    this.gid = gid;
    this.leaf = leaf;
    this.ver = ver;
  }

  get size(): number {
    return this.#viewers.size;
  }

  viewers(): readonly Connection[] {
    return [...this.#viewers.keys()];
  }

  /** Shows the leaf on a connection; one in lag mode is joined when it has caught up. */
  add(connection: Connection): void {
    if (this.#viewers.has(connection)) return;
    this.#viewers.set(connection, null);
    if (!connection.isLagging) this.join(connection);
  }

  remove(connection: Connection): void {
    this.part(connection);
    this.#viewers.delete(connection);
  }

  join(connection: Connection): void {
    if (this.#viewers.get(connection) !== null) return;
    const slice = this.#openSlice(connection.encoding);
    slice.count += 1;
    this.#viewers.set(connection, slice);
    connection.join(slice.name);
  }

  /** Out of the native topic; the connection goes on showing the leaf. */
  part(connection: Connection): void {
    const slice = this.#viewers.get(connection);
    if (slice === undefined || slice === null) return;
    this.#viewers.set(connection, null);
    slice.count -= 1;
    connection.leave(slice.name);
  }

  /** The newest MWIN. */
  take(frame: Uint8Array, ver: number): void {
    this.#frame = frame;
    this.#json = undefined;
    this.ver = ver;
  }

  /** Publishes the newest MWIN to all slices. Returns the deliveries. */
  publish(publish: Publish): number {
    this.isDue = false;
    let deliveries = 0;
    for (const { name, encoding, count } of this.#slices) {
      const frame = count === 0 ? undefined : this.frame(encoding);
      if (frame === undefined) continue;
      publish(name, frame, encoding === 'mp');
      deliveries += count;
    }
    return deliveries;
  }

  /** The newest MWIN; undefined while nothing has changed since the leaf was opened. */
  frame(encoding: Encoding): Uint8Array | undefined {
    if (encoding === 'mp' || this.#frame === undefined) return this.#frame;
    this.#json ??= transcodeToJson(this.#frame);
    return this.#json;
  }

  #openSlice(encoding: Encoding): LeafSlice {
    let index = 0;
    for (const slice of this.#slices) {
      if (slice.encoding !== encoding) continue;
      if (slice.count < SLICE_SUBSCRIBERS_MAX) return slice;
      index += 1;
    }
    const text = `1${encoding === 'mp' ? 'm' : 'j'}w${this.gid}.${this.leaf}.${index}`;
    const slice = { name: Buffer.from(text, 'latin1'), encoding, count: 0 };
    this.#slices.push(slice);
    return slice;
  }
}
