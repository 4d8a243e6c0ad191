/**
 * The schedule of a simulation as it was chosen: recorded as raw values, made into text only when it is
 * asked for, with a digest over everything. Tests only.
 */
import { type Cell, DEAD } from '../core/cell.ts';
import { actorName } from '../core/thread.ts';
import type { AnyRef } from '../types.ts';

/** Schedules are cut at the front beyond it: an endless run shall end with a message, not without memory. */
const KEPT_MAX = 20_000;

interface Line {
  readonly step: number;
  readonly elapsedMs: number;
  readonly what: string;
  readonly who: string;
  /** Number of the actor in order of its first turn; 0: none. */
  readonly actor: number;
  readonly detail: string | number;
}

export class Trace {
  readonly #lines: Line[] = [];
  readonly #numbers = new Map<AnyRef, number>();
  #digest = 0x811c9dc5;

  get digest(): number {
    return this.#digest >>> 0;
  }

  /** An actor took a turn: `op` was its last message, `messages` their number. */
  turn(step: number, elapsedMs: number, cell: Cell, op: string, messages: number): void {
    const actor = this.#numberOf(cell.ref);
    const detail = messages === 1 ? op : `${op} x${messages}`;
    const what = cell.status === DEAD ? 'turn+' : 'turn';
    this.#push({ step, elapsedMs, what, who: actorName(cell), actor, detail });
  }

  add(step: number, elapsedMs: number, what: string, who: string, detail: string | number): void {
    this.#push({ step, elapsedMs, what, who, actor: 0, detail });
  }

  #numberOf(ref: AnyRef): number {
    let number = this.#numbers.get(ref);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(ref, number);
    }
    return number;
  }

  // FNV-1a over what makes two schedules different.
  #push(line: Line): void {
    this.#mix(line.what);
    this.#mix(line.who);
    this.#mix(String(line.detail));
    this.#digest = Math.imul(this.#digest ^ line.actor, 0x01000193);
    this.#digest = Math.imul(this.#digest ^ Math.floor(line.elapsedMs * 16), 0x01000193);
    this.#lines.push(line);
    if (this.#lines.length >= KEPT_MAX * 2) this.#lines.splice(0, KEPT_MAX);
  }

  #mix(text: string): void {
    let digest = this.#digest;
    for (let i = 0; i < text.length; i++) {
      digest = Math.imul(digest ^ text.charCodeAt(i), 0x01000193);
    }
    this.#digest = digest;
  }

  /** `  12 +340ms turn counter#3 inc`; a `+` after turn: the actor ended in it. */
  text(last = Number.POSITIVE_INFINITY): string[] {
    return this.#lines.slice(Math.max(0, this.#lines.length - last)).map((line) => {
      const who = line.actor === 0 ? line.who : `${line.who}#${line.actor}`;
      const at = `${String(line.step).padStart(5)} +${Math.round(line.elapsedMs)}ms`;
      return `${at} ${line.what} ${who} ${line.detail}`.trimEnd();
    });
  }
}
