/**
 * Faults between this thread and others. Records (casts, calls, replies, signals) that this thread sends
 * are dropped or doubled; batches are held back, in either direction, and let go in order. Tests only.
 */
import { threadOf } from '../core/ref.ts';
import { type Remote, rt, type SignalSink } from '../core/thread.ts';
import { type Connect, setTransportWrapper, type Transport } from '../threads/lane.ts';

/** `out`: from this thread to the other, `in`: from the other to this one. */
export type LaneDirection = 'out' | 'in';

/** What a record is. */
export type LaneRecord = 'cast' | 'call' | 'reply' | 'signal';

/** One lane's faults; each acts on what comes after it. */
export interface LaneFault {
  /** The next `count` records that this thread sends (of one kind, if given) are lost. */
  drop(count?: number, kind?: LaneRecord): void;
  /** The next `count` records that this thread sends (of one kind, if given) are sent twice. */
  duplicate(count?: number, kind?: LaneRecord): void;
  /** Everything waits, in order, until flow(); both directions together: the other thread stands still. */
  stall(direction: LaneDirection | 'both'): void;
  /** What waited arrives, in order, and nothing waits any more. */
  flow(): void;
  /** Lets the oldest `batches` that wait arrive, and no more: a delay by hand. */
  pass(direction: LaneDirection, batches?: number): void;
  /** Batches that wait. */
  waiting(direction: LaneDirection): number;
}

/** Counts of what was done to a lane. */
export interface LaneFaultCounters {
  readonly dropped: number;
  readonly duplicated: number;
}

export interface LaneFaults {
  /** The lane to a slot, whether its thread is up yet or not; it survives the thread's replacement. */
  lane(slot: string): LaneFault & { readonly counters: LaneFaultCounters };
  /** Lets everything flow and takes the faults off lanes made from now on. */
  end(): void;
}

class Way {
  stalled = false;
  #waiting: (() => void)[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }
  take(batch: Uint8Array, carry: (batch: Uint8Array) => void): void {
    if (!this.stalled) {
      carry(batch);
      return;
    }
    // The bytes are the sender's again: what waits is a copy.
    const copy = Buffer.from(batch);
    this.#waiting.push(() => carry(copy));
  }
  pass(batches: number): void {
    for (const carry of this.#waiting.splice(0, batches)) carry();
  }
}

interface Order {
  left: number;
  readonly kind: LaneRecord | undefined;
}

class FaultyLane implements LaneFault {
  readonly #out = new Way();
  readonly #in = new Way();
  readonly #drops: Order[] = [];
  readonly #doubles: Order[] = [];
  #dropped = 0;
  #duplicated = 0;

  get counters(): LaneFaultCounters {
    return { dropped: this.#dropped, duplicated: this.#duplicated };
  }
  drop(count = 1, kind?: LaneRecord): void {
    this.#drops.push({ left: count, kind });
  }
  duplicate(count = 1, kind?: LaneRecord): void {
    this.#doubles.push({ left: count, kind });
  }
  stall(direction: LaneDirection | 'both'): void {
    if (direction !== 'in') this.#out.stalled = true;
    if (direction !== 'out') this.#in.stalled = true;
  }
  flow(): void {
    for (const way of [this.#out, this.#in]) {
      way.stalled = false;
      way.pass(way.waiting);
    }
  }
  pass(direction: LaneDirection, batches = 1): void {
    this.#way(direction).pass(batches);
  }
  waiting(direction: LaneDirection): number {
    return this.#way(direction).waiting;
  }
  #way(direction: LaneDirection): Way {
    return direction === 'out' ? this.#out : this.#in;
  }

  /** How often a record of this kind is sent. */
  times(kind: LaneRecord): number {
    if (isDue(this.#drops, kind)) {
      this.#dropped++;
      return 0;
    }
    if (!isDue(this.#doubles, kind)) return 1;
    this.#duplicated++;
    return 2;
  }

  wrap(connect: Connect): Connect {
    return (onBatch): Transport => {
      const inner = connect((batch) => this.#in.take(batch, onBatch));
      return {
        send: (batch) => this.#out.take(batch, (bytes) => inner.send(bytes as Buffer)),
        close: () => inner.close(),
      };
    };
  }
}

function isDue(orders: readonly Order[], kind: LaneRecord): boolean {
  const order = orders.find((each) => each.left > 0 && (each.kind ?? kind) === kind);
  if (order === undefined) return false;
  order.left--;
  return true;
}

/** The thread that a record of this method goes to is in its first argument, as itself or inside a ref. */
const TO_REF = new Set(['reply', 'exit', 'link', 'unlink', 'down']);

/** `target` with its sending methods behind faults. */
function faulty<T extends object>(
  target: T,
  kindOf: (method: string) => LaneRecord | undefined,
  laneOf: (thread: number) => FaultyLane | undefined,
): T {
  return new Proxy(target, {
    get(_target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || typeof key === 'symbol') return value;
      const kind = kindOf(key);
      return (...args: unknown[]): unknown => {
        const first = args[0] as number;
        const lane =
          kind === undefined ? undefined : laneOf(TO_REF.has(key) ? threadOf(first) : first);
        const times = lane === undefined || kind === undefined ? 1 : lane.times(kind);
        let result: unknown;
        for (let i = 0; i < times; i++) result = value.apply(target, args);
        return result;
      };
    },
  });
}

function faultyRemote(remote: Remote, laneOf: (thread: number) => FaultyLane | undefined): Remote {
  const signals = faulty<SignalSink>(remote.signals, () => 'signal', laneOf);
  const kinds = new Set<string>(['cast', 'call', 'reply']);
  const kindOf = (method: string) => (kinds.has(method) ? (method as LaneRecord) : undefined);
  const outer = faulty(remote, kindOf, laneOf);
  return new Proxy(outer, {
    get: (target, key) => (key === 'signals' ? signals : Reflect.get(target, key)),
  });
}

/**
 * Puts faults between this thread and the others. Call it before startNode for stall and pass (lanes made
 * from now on can be held back); drop and duplicate act from the moment they are asked for. In the boot
 * of a slot it does the same for what that thread sends. What a dead thread's lane held back goes nowhere.
 */
export function laneFaults(): LaneFaults {
  const lanes = new Map<string, FaultyLane>();
  const laneTo = (slot: string): FaultyLane => {
    let lane = lanes.get(slot);
    if (lane === undefined) {
      lane = new FaultyLane();
      lanes.set(slot, lane);
    }
    return lane;
  };
  let wrapped: { readonly remote: Remote; readonly inner: Remote } | undefined;
  const wrapRemote = (): void => {
    const { remote } = rt;
    if (remote === null || remote === wrapped?.remote) return;
    const laneOf = (thread: number): FaultyLane | undefined => {
      for (const [slot, lane] of lanes) if (remote.slotThread(slot) === thread) return lane;
      return undefined;
    };
    rt.remote = faultyRemote(remote, laneOf);
    wrapped = { remote: rt.remote, inner: remote };
  };
  setTransportWrapper((to, connect) => laneTo(to).wrap(connect));
  return {
    lane(slot) {
      wrapRemote();
      return laneTo(slot);
    },
    end() {
      setTransportWrapper(null);
      if (wrapped !== undefined && rt.remote === wrapped.remote) rt.remote = wrapped.inner;
      for (const lane of lanes.values()) lane.flow();
    },
  };
}
