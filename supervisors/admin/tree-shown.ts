/**
 * What a subscription has sent of the actors of one thread, by row. Says by numbers alone which are as they were: thousands of rows
 * are looked at each second, and few have changed. Main thread.
 */
import type { CrashNote } from './tree-crashes.ts';
import type { ThreadTable } from './tree-table.ts';
import type { TreeRow } from './types.ts';

/** A row as it was last sent. */
export interface Sent {
  readonly row: TreeRow;
  /** What it was made of: the actor's version in its table, its life, and its crashes. */
  readonly version: number;
  readonly ref: number;
  readonly crash: CrashNote | undefined;
}

/** Version of what has to be looked at each time. */
const NEVER = -1;

export class ShownActors {
  readonly #table: ThreadTable;
  readonly #sent: (Sent | undefined)[] = [];
  /** Version of leaves as sent: nothing but a change of their own, or a crash, can make them differ. */
  #versions = new Float64Array(0);
  /** Pass in which a row was last shown. */
  #passes = new Uint32Array(0);

  constructor(table: ThreadTable) {
    this.#table = table;
  }

  get(row: number): Sent | undefined {
    return this.#sent[row];
  }

  /** True for a leaf that is as it was sent; it is shown in this pass then. */
  isSame(row: number, pass: number): boolean {
    if (this.#versions[row] !== this.#table.version[row]) return false;
    this.#passes[row] = pass;
    return true;
  }

  set(row: number, sent: Sent, isLeaf: boolean, pass: number): void {
    if (row >= this.#versions.length) this.#grow();
    this.#sent[row] = sent;
    this.#versions[row] = isLeaf ? sent.version : NEVER;
    this.#passes[row] = pass;
  }

  /** Takes out what was not shown in this pass. */
  takeGone(pass: number, into: Sent[]): void {
    for (let row = 0; row < this.#sent.length; row++) {
      if (this.#passes[row] === pass) continue;
      const sent = this.#sent[row];
      if (sent === undefined) continue;
      into.push(sent);
      this.#sent[row] = undefined;
      this.#versions[row] = NEVER;
    }
  }

  #grow(): void {
    const size = this.#table.version.length;
    const versions = new Float64Array(size).fill(NEVER);
    versions.set(this.#versions);
    this.#versions = versions;
    const passes = new Uint32Array(size);
    passes.set(this.#passes);
    this.#passes = passes;
  }
}
