/**
 * Who shows which leaves of a guild's member list, and what they are told (protocol.md 2.9): interest
 * counted per gateway thread, MWIN of a changed leaf at most every 2 s, splits and merges with both
 * leaves. Part of a guild actor. Bound: leaves of the list times gateway threads; a frame is encoded
 * once, for all threads.
 */
import type { MonitorId, Ref } from '../runtime/index.ts';
import { entriesOf, type Leaf, type LeafEvents, type MemberLeaves } from './guild-leaves.ts';
import type {
  FanOutPresenceP,
  Id,
  LeafMove,
  WindowRequest,
  WindowView,
  WireValue,
} from './types.ts';

const OP_MWIN = 22;
/** All members; no other list exists. */
const LIST_ALL = 0;

export interface WindowPorts {
  readonly gid: Id;
  readonly encode: (frame: readonly WireValue[]) => Uint8Array;
  readonly leaves: (
    gateway: Ref<FanOutPresenceP>,
    m: Parameters<FanOutPresenceP['leaves']>[0],
  ) => void;
  readonly windowEnd: (gateway: Ref<FanOutPresenceP>, uid: Id) => void;
  readonly windowsLost: (gateway: Ref<FanOutPresenceP>) => void;
  readonly monitor: (gateway: Ref<FanOutPresenceP>) => MonitorId;
  readonly demonitor: (monitor: MonitorId) => void;
  /** A leaf that is shown somewhere has changed: call `flush` within 2 s. */
  readonly due: () => void;
  /** MWIN frames made since the start of the thread. */
  readonly count: (frames: number) => void;
}

/** By gateway thread: the newest open that showed the leaf there. */
type Shown = Map<Ref<FanOutPresenceP>, number>;

type Move =
  | { readonly type: 'split'; readonly leaf: number; readonly to: number }
  | { readonly type: 'merge'; readonly leaf: number; readonly to: number; readonly ver: number };

export class GuildWindows implements LeafEvents {
  readonly #ports: WindowPorts;
  readonly #shown = new Map<number, Shown>();
  readonly #vers = new Map<number, number>();
  readonly #gateways = new Map<Ref<FanOutPresenceP>, MonitorId>();
  #dirty = new Set<Leaf>();
  #moves: Move[] = [];
  /** Above every ver that was ever told of a leaf. */
  #ver: number;

  /** @param firstVer above what a predecessor may have told */
  constructor(firstVer: number, ports: WindowPorts) {
    this.#ver = firstVer;
    this.#ports = ports;
  }

  /** Nobody shows anything. */
  get isEmpty(): boolean {
    return this.#shown.size === 0;
  }

  /** Opens the leaves around a range for one gateway thread. */
  open(list: MemberLeaves, m: WindowRequest): WindowView {
    const { gateway, token } = m;
    const covering = list.covering(m.from, m.count, m.leavesMax);
    for (const { leaf } of covering) {
      const shown = this.#shown.get(leaf.id);
      if (shown === undefined) this.#shown.set(leaf.id, new Map([[gateway, token]]));
      else shown.set(gateway, token);
      if (!this.#vers.has(leaf.id)) this.#vers.set(leaf.id, this.#ver);
    }
    if (covering.length > 0 && !this.#gateways.has(gateway)) {
      this.#gateways.set(gateway, this.#ports.monitor(gateway));
    }
    const leaves = covering.map(({ leaf, index }) => {
      return { leaf: leaf.id, ver: this.#verOf(leaf.id), index, entries: entriesOf(leaf) };
    });
    return { ver: this.#ver, groups: list.groups(), leaves };
  }

  /** The thread shows these leaves to nobody any more, unless it opened one after `token`. */
  close(gateway: Ref<FanOutPresenceP>, token: number, leaves: readonly number[]): void {
    for (const leaf of leaves) {
      const shown = this.#shown.get(leaf);
      const opened = shown?.get(gateway);
      if (shown === undefined || opened === undefined || opened > token) continue;
      shown.delete(gateway);
      if (shown.size === 0) this.#forget(leaf);
    }
    this.#leaveIfIdle(gateway);
  }

  /** The gateway thread is gone. True when it was one of these. */
  down(monitor: MonitorId): boolean {
    for (const [gateway, id] of this.#gateways) {
      if (id !== monitor) continue;
      this.#gateways.delete(gateway);
      for (const [leaf, shown] of this.#shown) {
        if (shown.delete(gateway) && shown.size === 0) this.#forget(leaf);
      }
      return true;
    }
    return false;
  }

  /** Windows of a user (0: of all) end wherever they are. */
  end(uid: Id): void {
    for (const gateway of this.#gateways.keys()) this.#ports.windowEnd(gateway, uid);
  }

  /** The list is replaced: whoever shows a part of it opens it anew. */
  reset(): void {
    for (const [gateway, monitor] of this.#gateways) {
      this.#ports.windowsLost(gateway);
      this.#ports.demonitor(monitor);
    }
    this.#gateways.clear();
    this.#shown.clear();
    this.#vers.clear();
    this.#dirty.clear();
    this.#moves = [];
  }

  // -------------------------------------------------------------- LeafEvents

  touched(leaf: Leaf): void {
    if (!this.#shown.has(leaf.id)) return;
    this.#dirty.add(leaf);
    this.#ports.due();
  }

  split(leaf: Leaf, to: Leaf): void {
    const shown = this.#shown.get(leaf.id);
    if (shown === undefined) return;
    this.#shown.set(to.id, new Map(shown));
    this.#vers.set(to.id, this.#ver);
    this.#moves.push({ type: 'split', leaf: leaf.id, to: to.id });
  }

  merged(leaf: Leaf, to: Leaf): void {
    const shown = this.#shown.get(leaf.id);
    if (shown === undefined) return;
    const there = this.#shown.get(to.id) ?? new Map<Ref<FanOutPresenceP>, number>();
    for (const [gateway, token] of shown) {
      there.set(gateway, Math.max(token, there.get(gateway) ?? token));
    }
    this.#shown.set(to.id, there);
    if (!this.#vers.has(to.id)) this.#vers.set(to.id, this.#ver);
    this.#moves.push({ type: 'merge', leaf: leaf.id, to: to.id, ver: this.#verOf(leaf.id) + 1 });
    this.#dirty.delete(leaf);
    this.#forget(leaf.id);
  }

  /** Tells the gateway threads what has changed since the last time. */
  flush(): void {
    const dirty = [...this.#dirty].filter((leaf) => this.#shown.has(leaf.id));
    const moves = this.#moves.map((move) => this.#encodeMove(move));
    this.#dirty = new Set();
    this.#moves = [];
    if (dirty.length + moves.length === 0) return;
    this.#ver += 1;
    const frames = dirty.map((leaf) => this.#encode(leaf));
    this.#ports.count(frames.length);
    for (const gateway of this.#gateways.keys()) {
      const its = frames.filter(({ leaf }) => this.#shown.get(leaf)?.has(gateway) === true);
      if (its.length + moves.length === 0) continue;
      this.#ports.leaves(gateway, { gid: this.#ports.gid, moves, frames: its });
    }
  }

  // -------------------------------------------------------------- inside

  #verOf(leaf: number): number {
    return this.#vers.get(leaf) ?? this.#ver;
  }

  #encode(leaf: Leaf): { leaf: number; ver: number; frame: Uint8Array } {
    const ver = this.#verOf(leaf.id) + 1;
    this.#vers.set(leaf.id, ver);
    return { leaf: leaf.id, ver, frame: this.#mwin(leaf.id, ver, entriesOf(leaf)) };
  }

  #encodeMove(move: Move): LeafMove {
    if (move.type === 'split') return move;
    const { type, leaf, to, ver } = move;
    return { type, leaf, to, frame: this.#mwin(leaf, ver, []) };
  }

  #mwin(leaf: number, ver: number, entries: readonly WireValue[]): Uint8Array {
    return this.#ports.encode([OP_MWIN, this.#ports.gid, LIST_ALL, leaf, ver, entries]);
  }

  #forget(leaf: number): void {
    this.#shown.delete(leaf);
    this.#vers.delete(leaf);
  }

  #leaveIfIdle(gateway: Ref<FanOutPresenceP>): void {
    for (const shown of this.#shown.values()) if (shown.has(gateway)) return;
    const monitor = this.#gateways.get(gateway);
    if (monitor === undefined) return;
    this.#gateways.delete(gateway);
    this.#ports.demonitor(monitor);
  }
}
