/**
 * Tells the dm of a group's stream how the group is called: kind 7 in the log is the truth, the name in
 * the dm's document follows it. Told until the dm confirms; after a start the newest events are looked
 * through once for what a crash left untold. Part of a stream actor.
 */
import type { StreamPorts } from './stream-ports.ts';
import { RING_OPTIONS } from './stream-ring.ts';
import { KIND_META } from './stream-rules.ts';
import type { Id, LogEvent, Ms, Seq } from './types.ts';

interface Meta {
  readonly name: string;
  readonly topic: string | null;
  readonly seq: Seq;
}

const RETRY_MS: Ms = 1000;

export class MetaTeller {
  readonly #ports: StreamPorts;
  readonly #sid: Id;
  #untold: Meta | undefined;
  #telling = false;

  constructor(ports: StreamPorts, sid: Id) {
    this.#ports = ports;
    this.#sid = sid;
  }

  /** True while the dm has not confirmed. */
  get busy(): boolean {
    return this.#untold !== undefined;
  }

  /** The stream was opened at this head. */
  opened(head: Seq): void {
    const tail = this.#ports.log.history(this.#sid, head, RING_OPTIONS.eventsMax, 0);
    this.#ports.later(tail, (outcome) => {
      if (outcome.ok) this.committed(outcome.value);
      else this.#ports.timer('metaRead', RETRY_MS, () => this.opened(head));
    });
  }

  /** The log has confirmed these. */
  committed(events: readonly LogEvent[]): void {
    const newest = events.findLast(({ kind }) => kind === KIND_META);
    if (newest === undefined || newest.seq <= (this.#untold?.seq ?? 0)) return;
    const [name, topic] = this.#ports.codec.decodeEvent(newest.frame).body;
    if (typeof name !== 'string') return;
    this.#untold = { name, topic: typeof topic === 'string' ? topic : null, seq: newest.seq };
    this.#tell();
  }

  #tell(): void {
    const meta = this.#untold;
    if (meta === undefined || this.#telling) return;
    this.#telling = true;
    this.#ports.later(this.#ports.dm.renamed(this.#sid, meta), (outcome) => {
      this.#telling = false;
      const done = outcome.ok && (outcome.value.ok || outcome.value.code !== 'unavailable');
      if (!done) {
        this.#ports.timer('meta', RETRY_MS, () => this.#tell());
        return;
      }
      if (this.#untold === meta) this.#untold = undefined;
      this.#tell();
    });
  }
}
