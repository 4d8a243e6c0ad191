/**
 * Tells what the commits of one dm have changed: kind 42 on the streams of its members, a stream to drop.
 * As a guild's outbox: worked off in order, deleted after it is done, repeats harmless by their nonces.
 * Part of a dm actor; runs beside its handlers.
 */
import { call, entity } from '../runtime/index.ts';
import type { DmOutboxDoc } from './dm-docs.ts';
import { childKey } from './docs.ts';
import { channelsError } from './errors.ts';
import type { GuildCounters } from './guild-outbox.ts';
import { ERR_OUTCOME_UNKNOWN, ERR_UNAVAILABLE } from './stream-rules.ts';
import type { DocStore, Id, Ms, StreamP } from './types.ts';

/** Commits that wait to be told; beyond it the dm refuses changes until the other side is back. */
export const DM_OUTBOX_MAX = 64;
export const KIND_DM_OPENED = 42;
const RETRY_FIRST_MS: Ms = 100;
const RETRY_LAST_MS: Ms = 10_000;

/** Counted together with the outboxes of guilds. */
export type DmOutboxCounters = Pick<GuildCounters, 'outboxRetries' | 'outboxFull'>;

export interface DmOutboxEntry extends DmOutboxDoc {
  readonly n: number;
}

export class DmOutbox {
  readonly #sid: Id;
  readonly #docs: DocStore;
  readonly #counters: DmOutboxCounters;
  readonly #retryAfter: (delayMs: Ms) => void;
  #entries: DmOutboxEntry[] = [];
  #running = false;
  #delayMs = RETRY_FIRST_MS;

  /** @param retryAfter calls `run` again after the delay */
  constructor(
    sid: Id,
    docs: DocStore,
    counters: DmOutboxCounters,
    retryAfter: (delayMs: Ms) => void,
  ) {
    this.#sid = sid;
    this.#docs = docs;
    this.#counters = counters;
    this.#retryAfter = retryAfter;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** True when a change must be refused; counted. */
  refuses(): boolean {
    if (this.#entries.length < DM_OUTBOX_MAX) return false;
    this.#counters.outboxFull += 1;
    return true;
  }

  add(entry: DmOutboxEntry): void {
    this.#entries.push(entry);
  }

  /** What the store holds. */
  replace(entries: readonly DmOutboxEntry[]): void {
    this.#entries = [...entries];
  }

  /** Works the entries off; asks to be run again when something fails. One run at a time. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
        await this.#tell(entry);
        const { n } = entry;
        this.#entries = this.#entries.filter((other) => other.n !== n);
        this.#delayMs = RETRY_FIRST_MS;
      }
    } catch {
      this.#counters.outboxRetries += 1;
      // Whatever it was (stream or store away): the entry is still there and is told again.
      this.#retryAfter(this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * 2, RETRY_LAST_MS);
    } finally {
      this.#running = false;
    }
  }

  async #tell({ n, actor, tell, drop }: DmOutboxEntry): Promise<void> {
    const sid = this.#sid;
    const nonce = `d${sid.toString(36)}-${n.toString(36)}`;
    for (const uid of tell) {
      const event = { uid: actor, nonce, kind: KIND_DM_OPENED, body: [sid] };
      const reply = await call(entity<StreamP>('stream', uid), 'emit', event);
      // Any other refusal (the account is gone) will not get better.
      const again =
        !reply.ok && (reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN);
      if (again) throw unavailable('emit');
    }
    if (drop) await call(entity<StreamP>('stream', sid), 'remove', {});
    const key = childKey(sid, n);
    const written = await this.#docs.write([{ kind: 'dmOutbox', key, expect: 'any', value: null }]);
    if (!written.ok) throw unavailable('write');
  }
}

function unavailable(what: string): Error {
  return channelsError('DRIFT_CHANNELS_UNAVAILABLE', `dm outbox ${what}: the other side is away`);
}
