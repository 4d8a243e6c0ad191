/**
 * What a user hears of DM partners (protocol.md 2.9): PRESENCE with gid 0 on the user's own stream, one
 * per 2 s, `ver` rising. Part of a user actor; pure but for its ports. Bound: the DMs of a user.
 */
import { Pulse } from './pulse.ts';
import type { Id, Ms, PresenceTimes, ShownChange, WireValue } from './types.ts';

const OP_PRESENCE = 21;
/** No guild: friends and DM partners. */
const SCOPE = 0;
/** Users in one frame: with an activity of 256 bytes each it stays under 16 KiB. */
const ENTRIES_MAX = 30;

export interface PartnerPorts {
  readonly times: PresenceTimes;
  readonly now: () => Ms;
  readonly timer: (key: string, ms: Ms, run: () => void) => void;
  /** Somebody of the user is there to hear it. */
  readonly isConnected: () => boolean;
  readonly broadcast: (frame: readonly WireValue[]) => void;
}

export class PartnerNotices {
  readonly #ports: PartnerPorts;
  readonly #pulse: Pulse;
  #pending = new Map<Id, ShownChange>();
  #ver: number;

  constructor(ports: PartnerPorts) {
    this.#ports = ports;
    const { now, times, timer } = ports;
    // Above everything that a predecessor has told: one frame per 2 s, but a number per ms.
    this.#ver = now();
    this.#pulse = new Pulse({
      timer: (ms, run) => timer('partners', ms, run),
      gatherMs: times.gatherMs,
      periodMs: times.flushMs,
      beat: () => this.#beat(),
    });
  }

  heard(change: ShownChange): void {
    if (!this.#ports.isConnected()) return;
    const known = this.#pending.get(change.uid);
    if (known !== undefined && known.n > change.n) return;
    this.#pending.set(change.uid, change);
    this.#pulse.mark();
  }

  #beat(): boolean {
    const entries: WireValue[] = [];
    for (const { uid, status, activity } of this.#pending.values()) {
      if (entries.length === ENTRIES_MAX) break;
      entries.push(activity === null ? [uid, status] : [uid, status, activity]);
      this.#pending.delete(uid);
    }
    if (!this.#ports.isConnected()) this.#pending.clear();
    else if (entries.length > 0) {
      this.#ver += 1;
      this.#ports.broadcast([OP_PRESENCE, SCOPE, this.#ver, entries]);
    }
    return this.#pending.size > 0;
  }
}
