/**
 * Judges one append against the committed state and the commit under construction: right, slow mode,
 * reply and target, bounds on emojis and pins. Says what must be known first; asks nobody itself. Part of
 * a stream actor, used by its appender once per append.
 */
import { may, PERM_MANAGE } from './permissions.ts';
import type { Batch, Target } from './stream-batch.ts';
import { EMOJIS_MAX, Folds, PINS_MAX } from './stream-folds.ts';
import { byTarget, byUser, type Item } from './stream-item.ts';
import type { StreamPerms } from './stream-perms.ts';
import type { StreamPorts } from './stream-ports.ts';
import {
  type Draft,
  ERR_BAD_ARGS,
  ERR_NO_SEND,
  ERR_SLOW_MODE,
  judgeRight,
  judgeTarget,
  KIND_MESSAGE,
  KIND_PIN,
  KIND_REACT,
} from './stream-rules.ts';
import { SlowMode } from './stream-slow.ts';
import type { StreamState } from './stream-state.ts';
import { TargetReader } from './stream-targets.ts';
import type { Id, LogEvent, Ms, Seq } from './types.ts';

/** `admit`: may be committed. `wait`: for the next commit. `ask`: for `missing`. `refuse`: with `code`. */
export type Verdict = 'admit' | 'wait' | 'ask' | 'refuse';

/** A fact that must be known before an append can be judged. */
export interface Missing {
  /** Asked for once at a time. */
  readonly fact: string;
  /** The appends that cannot be decided without it. */
  readonly needs: (item: Item) => boolean;
  readonly ask: (known: (ok: boolean) => void) => void;
}

const NOTHING: Missing = { fact: '', needs: () => false, ask: (known) => known(true) };

export class Judge {
  readonly #state: StreamState;
  readonly #perms: StreamPerms;
  readonly #targets: TargetReader;
  readonly #folds: Folds;
  readonly #slow: SlowMode;
  /** Of the last `admit`: the message that the append refers to. */
  target: Target | undefined;
  /** Of the last `refuse`. */
  code = 0;
  retryMs: Ms | undefined;
  /** Of the last `ask`. */
  missing = NOTHING;

  constructor(ports: StreamPorts, state: StreamState, perms: StreamPerms) {
    this.#state = state;
    this.#perms = perms;
    this.#targets = new TargetReader(ports, state);
    this.#folds = new Folds(ports, state);
    this.#slow = new SlowMode(ports, state);
  }

  /** The log has confirmed these; `refer` says that some of them refer to messages. */
  apply(events: readonly LogEvent[], refer: boolean): void {
    if (refer) this.#folds.apply(events);
    if (this.#perms.slowModeS > 0) this.#slow.apply(events);
    else if (this.#slow.known) this.#slow.clear();
  }

  /** The log was opened again: what was learned from it may be out of date. */
  reopened(): void {
    this.#folds.clear();
    this.#slow.clear();
  }

  /** What is to become of an append; the fields above say more. */
  look(item: Item, batch: Batch<Item>): Verdict {
    this.target = undefined;
    if (item.system) return 'admit';
    const { uid, draft } = item;
    const perms = this.#perms.peek(uid);
    if (perms === undefined) return this.#askRights(uid);
    const code = judgeRight(draft, perms);
    if (code !== 0) return this.#refuse(code);
    if (draft.kind !== KIND_MESSAGE) return this.#lookAtTarget(item, perms, batch);
    if (this.#perms.slowModeS > 0 && !may(perms, PERM_MANAGE)) {
      const verdict = this.#lookAtPace(uid, batch);
      if (verdict !== 'admit') return verdict;
    }
    return draft.replyTo === 0 ? 'admit' : this.#lookAtReply(draft.replyTo, batch);
  }

  // -------------------------------------------------------------- messages

  #lookAtPace(uid: Id, batch: Batch<Item>): Verdict {
    if (!this.#slow.known) {
      const ask = (known: (ok: boolean) => void): void => this.#slow.read(known);
      return this.#ask('slow mode', (item) => item.draft.kind === KIND_MESSAGE, ask);
    }
    // What stands in the batch is not committed yet: the one behind it is judged when it is.
    if (batch.items.some((item) => item.uid === uid && item.draft.kind === KIND_MESSAGE)) {
      return 'wait';
    }
    const waitMs = this.#slow.waitMs(uid, this.#perms.slowModeS);
    return waitMs === 0 ? 'admit' : this.#refuse(ERR_SLOW_MODE, waitMs);
  }

  #lookAtReply(replyTo: Seq, batch: Batch<Item>): Verdict {
    if (batch.touches(replyTo)) return 'wait';
    const target = this.#state.target(replyTo);
    if (target === undefined) return this.#askTarget(replyTo);
    return target.event?.kind === KIND_MESSAGE ? 'admit' : this.#refuse(ERR_BAD_ARGS);
  }

  // -------------------------------------------------------------- what refers to a message

  #lookAtTarget({ uid, draft }: Item, perms: number, batch: Batch<Item>): Verdict {
    if (draft.target === 0) return 'admit';
    if (batch.touches(draft.target)) return 'wait';
    const target = this.#state.target(draft.target);
    if (target === undefined) return this.#askTarget(draft.target);
    const code = judgeTarget(draft, uid, perms, target.event);
    if (code !== 0) return this.#refuse(code);
    const verdict = this.#lookAtBounds(draft, batch);
    if (verdict === 'admit') this.target = target;
    return verdict;
  }

  #lookAtBounds(draft: Draft, batch: Batch<Item>): Verdict {
    if (draft.kind === KIND_REACT) return this.#lookAtEmoji(draft, batch);
    if (draft.kind === KIND_PIN && draft.emoji !== '') return this.#lookAtPin(draft.target, batch);
    return 'admit';
  }

  #lookAtEmoji({ target, emoji }: Draft, batch: Batch<Item>): Verdict {
    const known = this.#folds.emojisOf(target);
    if (known === undefined) {
      const ask = (done: (ok: boolean) => void): void => this.#folds.readEmojis(target, done);
      return this.#ask(`emojis ${target}`, byTarget(target), ask);
    }
    const { items } = batch;
    if (known.has(emoji) || known.size + items.length < EMOJIS_MAX) return 'admit';
    const all = new Set(known);
    for (const { draft } of items) {
      if (draft.kind === KIND_REACT && draft.target === target) all.add(draft.emoji);
    }
    return all.has(emoji) || all.size < EMOJIS_MAX ? 'admit' : this.#full(batch);
  }

  #lookAtPin(target: Seq, batch: Batch<Item>): Verdict {
    const known = this.#folds.pins;
    if (known === undefined) {
      const ask = (done: (ok: boolean) => void): void => this.#folds.readPins(done);
      return this.#ask('pins', (item) => item.draft.kind === KIND_PIN, ask);
    }
    const { items } = batch;
    if (known.has(target) || known.size + items.length < PINS_MAX) return 'admit';
    const all = new Set(known);
    for (const { draft } of items) {
      if (draft.kind === KIND_PIN && draft.emoji !== '') all.add(draft.target);
    }
    return all.has(target) || all.size < PINS_MAX ? 'admit' : this.#full(batch);
  }

  /** What the batch removes counts only after its commit; at the head of the queue nothing is before it. */
  #full(batch: Batch<Item>): Verdict {
    return batch.events.length > 0 ? 'wait' : this.#refuse(ERR_NO_SEND);
  }

  // -------------------------------------------------------------- verdicts

  #refuse(code: number, retryMs?: Ms): Verdict {
    this.code = code;
    this.retryMs = retryMs;
    return 'refuse';
  }

  #askRights(uid: Id): Verdict {
    return this.#ask(`user ${uid}`, byUser(uid), (known) => {
      this.#perms.get(uid, (answer) => known(answer !== undefined));
    });
  }

  #askTarget(seq: Seq): Verdict {
    const ask = (known: (ok: boolean) => void): void => this.#targets.read(seq, known);
    return this.#ask(`target ${seq}`, byTarget(seq), ask);
  }

  #ask(fact: string, needs: Missing['needs'], ask: Missing['ask']): Verdict {
    this.missing = { fact, needs, ask };
    return 'ask';
  }
}
