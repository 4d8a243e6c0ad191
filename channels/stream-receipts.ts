/**
 * RECEIPT of one stream (protocol.md 2.9): read markers that have moved, told to the subscribers of a
 * channel of at most 16 members, once per second. Part of a stream actor. Best effort: nothing is kept.
 */
import type { Audience } from './stream-audience.ts';
import type { StreamPorts } from './stream-ports.ts';
import type { Id, Ms, Seq } from './types.ts';

/** protocol.md 2.9. */
export const RECEIPT_MEMBERS_MAX = 16;
const PERIOD_MS: Ms = 1000;
/** How long the answer to "is it small" is believed. */
const SMALL_KEPT_MS: Ms = 10_000;

export class Receipts {
  readonly #ports: StreamPorts;
  readonly #audience: Audience;
  readonly #sid: Id;
  readonly #gid: Id;
  #moved = new Map<Id, Seq>();
  #isSmall = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(ports: StreamPorts, audience: Audience, sid: Id, gid: Id) {
    this.#ports = ports;
    this.#audience = audience;
    this.#sid = sid;
    this.#gid = gid;
  }

  /** The marker of a user has moved to `seq`. */
  moved(uid: Id, seq: Seq): void {
    if (this.#audience.size === 0) return;
    // More readers than a small channel has members: it is none.
    if (this.#moved.size > RECEIPT_MEMBERS_MAX) return;
    if (this.#moved.size === 0) this.#ports.timer('receipts', PERIOD_MS, () => this.#tell());
    this.#moved.set(uid, Math.max(seq, this.#moved.get(uid) ?? 0));
  }

  #tell(): void {
    const { clock, guild, later } = this.#ports;
    if (clock.monotonic() - this.#askedAtMs < SMALL_KEPT_MS) {
      this.#send();
      return;
    }
    later(guild.acl(this.#gid, this.#sid), (outcome) => {
      const acl = outcome.ok ? outcome.value : null;
      this.#isSmall = (acl?.memberCount ?? Number.POSITIVE_INFINITY) <= RECEIPT_MEMBERS_MAX;
      if (outcome.ok && acl !== null) this.#askedAtMs = clock.monotonic();
      this.#send();
    });
  }

  #send(): void {
    const moved = [...this.#moved];
    this.#moved = new Map();
    if (!this.#isSmall || moved.length > RECEIPT_MEMBERS_MAX) return;
    const { codec, noticeCounters } = this.#ports;
    const frame = codec.encodeReceipt(this.#sid, moved);
    noticeCounters.receiptsSent += 1;
    this.#audience.broadcast(this.#sid, { frame, class: 'receipt' });
  }
}
