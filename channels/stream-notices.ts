/**
 * What a stream tells besides its events: that its head has moved (UNREAD), mentions, receipts, and how
 * far a read marker may go. Part of a stream actor, of channels, threads and DMs only.
 *
 * All of it hangs on one timer per stream and second, armed by the first commit of that second: a commit
 * pays for two comparisons, however many messages it holds.
 */
import { may, PERM_VIEW } from './permissions.ts';
import type { Audience } from './stream-audience.ts';
import { StreamMentions } from './stream-mentions.ts';
import type { StreamPerms } from './stream-perms.ts';
import type { StreamPorts } from './stream-ports.ts';
import { Receipts } from './stream-receipts.ts';
import type { StreamState } from './stream-state.ts';
import type { Id, MarkReply, Ms, Seq } from './types.ts';

/** protocol.md 2.9: UNREAD once per second. */
const PERIOD_MS: Ms = 1000;

export interface StreamNoticesParts {
  readonly ports: StreamPorts;
  readonly state: StreamState;
  readonly perms: StreamPerms;
  readonly audience: Audience;
  readonly gid: Id;
}

export class StreamNotices {
  readonly #parts: StreamNoticesParts;
  readonly #mentions: StreamMentions;
  readonly #receipts: Receipts;
  /** A look at the mentions has ended: another one is due when there is more to look at or to tell. */
  readonly #more = (): void => {
    if (!this.#isArmed && this.#mentions.busy) this.#arm();
  };
  #isArmed = false;
  /** Head that the guild was told of, or that was there at the start. */
  #toldHead: Seq;

  constructor(parts: StreamNoticesParts) {
    const { ports, state, perms, audience, gid } = parts;
    this.#parts = parts;
    this.#toldHead = state.head;
    this.#mentions = new StreamMentions(ports, state, perms, gid);
    this.#receipts = new Receipts(ports, audience, state.sid, gid);
  }

  /** True while a commit of the last second is not told, or a mention waits. */
  get busy(): boolean {
    return this.#isArmed || this.#mentions.busy;
  }

  /** The stream is open: what the owner before did not tell is told now. */
  opened(): void {
    this.#mentions.run(this.#more);
  }

  /** The stream is deleted. */
  removed(): void {
    this.#mentions.removed();
  }

  /** Events were committed. */
  committed(): void {
    if (!this.#isArmed) this.#arm();
    // A busy stream is looked at while the ring has it, so that no message is read from the log again.
    if (this.#mentions.isLate) this.#mentions.run(this.#more);
  }

  /** See StreamNoticesP. */
  mark(
    m: { readonly uid: Id; readonly seq: Seq; readonly known: Seq },
    answer: (reply: MarkReply) => void,
  ): void {
    const { perms, ports, state } = this.#parts;
    perms.get(m.uid, (known) => {
      if (known === undefined) {
        answer({ ok: false, retryMs: ports.limits.retryMs });
      } else if (may(known, PERM_VIEW)) {
        const seq = Math.max(m.known, Math.min(m.seq, state.head));
        if (seq > m.known) this.#receipts.moved(m.uid, seq);
        answer({ ok: true, seq });
      } else {
        answer({ ok: false });
      }
    });
  }

  #arm(): void {
    this.#isArmed = true;
    this.#parts.ports.timer('notices', PERIOD_MS, () => {
      this.#isArmed = false;
      this.#tellHead();
      this.#mentions.run(this.#more);
    });
  }

  #tellHead(): void {
    const { gid, ports, state } = this.#parts;
    const { head: seq, headTs: ts, sid } = state;
    if (seq === this.#toldHead) return;
    this.#toldHead = seq;
    ports.notices.moved(gid, { sid, seq, ts });
  }
}
