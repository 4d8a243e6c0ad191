/**
 * The gateway threads that are interested in one stream: who hears its events, and the HEAD beacons
 * 2 s and 15 s after the last event of a burst (protocol.md 2.7). Part of a stream actor.
 */
import type { MonitorId, Ref } from '../runtime/index.ts';
import type { StreamPorts } from './stream-ports.ts';
import type { StreamState } from './stream-state.ts';
import type { FanOutP, Id, LogEvent, Ms, Notice } from './types.ts';

/** protocol.md 2.7. */
const BEACON_FIRST_MS: Ms = 2000;
const BEACON_LAST_MS: Ms = 15_000;

export class Audience {
  readonly #ports: StreamPorts;
  readonly #gateways = new Map<Ref<FanOutP>, MonitorId>();
  #lastEventAt: Ms = 0;
  /** 0 no beacon due, 1 the first is due next, 2 the last is due next. */
  #beacon: 0 | 1 | 2 = 0;

  constructor(ports: StreamPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#gateways.size;
  }

  /** Registers a gateway; a new one is told where the stream stands before it hears anything else. */
  join(gateway: Ref<FanOutP>, state: StreamState): void {
    if (this.#gateways.has(gateway)) return;
    this.#gateways.set(gateway, this.#ports.gateways.monitor(gateway));
    this.tell(gateway, state);
  }

  /** Tells one gateway where the stream stands. */
  tell(gateway: Ref<FanOutP>, state: StreamState): void {
    const { sid, epoch, head, headTs } = state;
    const owner = this.#ports.self;
    this.#ports.gateways.attached(gateway, { sid, owner, epoch, seq: head, ts: headTs });
  }

  /** After an epoch change: every gateway takes its new position from this. */
  tellAll(state: StreamState): void {
    for (const gateway of this.#gateways.keys()) this.tell(gateway, state);
  }

  /** Has every gateway say by `attach` who is subscribed there. */
  askAll(state: StreamState): void {
    const { sid, epoch, head, headTs } = state;
    const message = {
      sid,
      owner: this.#ports.self,
      epoch,
      seq: head,
      ts: headTs,
      asks: true,
    } as const;
    for (const gateway of this.#gateways.keys()) this.#ports.gateways.attached(gateway, message);
  }

  leave(gateway: Ref<FanOutP>): void {
    const monitor = this.#gateways.get(gateway);
    if (monitor === undefined) return;
    this.#gateways.delete(gateway);
    this.#ports.gateways.demonitor(monitor);
  }

  /** A gateway's thread or fan-out actor died: which one, if it was one of these. */
  down(monitor: MonitorId): Ref<FanOutP> | undefined {
    for (const [gateway, id] of this.#gateways) {
      if (id !== monitor) continue;
      this.#gateways.delete(gateway);
      return gateway;
    }
    return undefined;
  }

  /** Sends committed events, contiguous and after everything published before. */
  publish(state: StreamState, events: readonly LogEvent[]): void {
    const first = events[0];
    const last = events[events.length - 1];
    if (first === undefined || last === undefined || this.#gateways.size === 0) return;
    const { sid, epoch } = state;
    const frames = events.length === 1 ? [first.frame] : events.map((event) => event.frame);
    const message = { sid, epoch, seq: first.seq, ts: last.ts, frames };
    for (const gateway of this.#gateways.keys()) this.#ports.gateways.publish(gateway, message);
    this.#armBeacon(state);
  }

  /** A frame without seq, behind everything published before. */
  broadcast(sid: Id, notice: Notice): void {
    const { frame, class: shedClass } = notice;
    for (const gateway of this.#gateways.keys()) {
      this.#ports.gateways.ephemeral(gateway, { sid, frame, class: shedClass });
    }
  }

  /** Ends subscriptions of one user, or of all (uid 0). */
  revoke(sid: Id, uid: Id, code: number): void {
    for (const gateway of this.#gateways.keys()) {
      this.#ports.gateways.revoke(gateway, { sid, uid, code });
    }
  }

  #armBeacon(state: StreamState): void {
    this.#lastEventAt = this.#ports.clock.monotonic();
    if (this.#beacon === 1) return; // Running already; it looks at #lastEventAt when it fires.
    this.#beacon = 1;
    this.#ports.timer('beacon', BEACON_FIRST_MS, () => this.#fire(state));
  }

  #fire(state: StreamState): void {
    const quietMs = this.#ports.clock.monotonic() - this.#lastEventAt;
    const dueMs = this.#beacon === 1 ? BEACON_FIRST_MS : BEACON_LAST_MS;
    if (quietMs < dueMs) {
      this.#ports.timer('beacon', dueMs - quietMs, () => this.#fire(state));
      return;
    }
    const { sid, epoch, head, headTs } = state;
    for (const gateway of this.#gateways.keys()) {
      this.#ports.gateways.head(gateway, { sid, epoch, seq: head, ts: headTs });
    }
    if (this.#beacon === 2 || this.#gateways.size === 0) {
      this.#beacon = 0;
      return;
    }
    this.#beacon = 2;
    // A thread that stood still may be later than that by itself.
    const nextMs = Math.max(0, BEACON_LAST_MS - quietMs);
    this.#ports.timer('beacon', nextMs, () => this.#fire(state));
  }
}
