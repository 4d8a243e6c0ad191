/**
 * One stream of a canary: appends one event after another, each with a nonce of its own, again and again until it is acknowledged,
 * and then holds the acknowledgements against the log. Gateway threads; belongs to one canary.
 */
import type { AppendReply, ChannelLog, StreamP } from '../../../channels/index.ts';
import { ActorError, type Clock, call, entity } from '../../../runtime/index.ts';
import { judgeLog, type LoggedAppend, type LogVerdict, nonceOf } from './canary-log.ts';
import { CHAOS_LIMITS } from './limits.ts';

/** An append that has no answer by then is sent again: as a client does, only sooner. */
const ANSWER_MS = 2_000;
const RETRY_MS = 100;
const RETRY_MS_MAX = 1_000;
const KIND = 1;
const PAGE = 1_000;
const PAGE_BYTES = 1024 * 1024;

export interface CanaryStreamOptions {
  readonly run: string;
  readonly sid: number;
  readonly paceMs: number;
  readonly clock: Clock;
  readonly log: ChannelLog;
}

export class CanaryStream {
  readonly #options: CanaryStreamOptions;
  readonly #acknowledged = new Map<number, number>();
  #sent = 0;
  #lastAckMs: number;
  #isOver = false;
  #done: Promise<void> = Promise.resolve();
  /** Newest first attempt, or repetition, whose acknowledgement has come, and when that was. */
  #well: { sentMs: number; ackMs: number }[] = [];
  refused = 0;
  unanswered = 0;
  longestSilenceMs = 0;

  constructor(options: CanaryStreamOptions) {
    this.#options = options;
    this.#lastAckMs = options.clock.monotonic();
  }

  get sent(): number {
    return this.#sent;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  begin(): void {
    this.#lastAckMs = this.#options.clock.monotonic();
    this.#done = this.#run();
  }

  /** When the first append sent at or after `sinceMs` was acknowledged; undefined: none was yet. */
  wellSince(sinceMs: number): number | undefined {
    return this.#well.find(({ sentMs }) => sentMs >= sinceMs)?.ackMs;
  }

  /** No further append; what is under way has `graceMs` to be acknowledged. */
  async finish(graceMs: number): Promise<void> {
    this.#isOver = true;
    await Promise.race([this.#done, this.#pause(graceMs)]);
  }

  /** Reads the log. undefined: it cannot be read. */
  async verify(): Promise<LogVerdict | undefined> {
    const { log, run, sid } = this.#options;
    const first = Math.min(...this.#acknowledged.values());
    if (this.#acknowledged.size === 0) return { lost: 0, repeated: 0, reordered: 0 };
    const found: LoggedAppend[] = [];
    try {
      for (let after = first - 1; ; ) {
        const page = await log.replay(sid, after, PAGE, PAGE_BYTES);
        found.push(...page.map(({ nonce, seq }) => ({ nonce, seq })));
        const last = page.at(-1)?.seq;
        if (last === undefined) break;
        after = last;
      }
    } catch {
      return undefined; // the verdict says that nothing is known
    }
    return judgeLog(run, this.#acknowledged, found);
  }

  async #run(): Promise<void> {
    const { paceMs } = this.#options;
    while (!this.#isOver && this.#sent < CHAOS_LIMITS.canaryAppends) {
      this.#sent += 1;
      await this.#append(this.#sent);
      await this.#pause(paceMs);
    }
  }

  /** Until it is acknowledged. At the end of the canary it is tried once more, so that an unanswered one is settled. */
  async #append(n: number): Promise<void> {
    const { clock } = this.#options;
    for (let wasLast = false; !wasLast; ) {
      wasLast = this.#isOver;
      const sentMs = clock.monotonic();
      const reply = await this.#attempt(n);
      if (reply?.ok === true) {
        this.#took(n, reply.seq, sentMs);
        return;
      }
      if (reply === undefined) this.unanswered += 1;
      else this.refused += 1;
      await this.#pause(Math.min(reply?.retryMs ?? RETRY_MS, RETRY_MS_MAX));
    }
  }

  #took(n: number, seq: number, sentMs: number): void {
    const ackMs = this.#options.clock.monotonic();
    this.#acknowledged.set(n, seq);
    this.longestSilenceMs = Math.max(this.longestSilenceMs, ackMs - this.#lastAckMs);
    this.#lastAckMs = ackMs;
    this.#well.push({ sentMs, ackMs });
  }

  /** undefined: no answer, so nobody knows what became of it. */
  async #attempt(n: number): Promise<AppendReply | undefined> {
    const { run, sid } = this.#options;
    const nonce = nonceOf(run, n);
    const append = { uid: sid, nonce, kind: KIND, body: [nonce] };
    try {
      const options = { timeoutMs: ANSWER_MS };
      return await call(entity<StreamP>('stream', sid), 'emit', append, options);
    } catch (error) {
      if (error instanceof ActorError) return undefined;
      throw error;
    }
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      clock.setTimeout(resolve, ms).unref?.();
    });
  }
}
