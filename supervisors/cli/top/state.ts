/**
 * Owns the state of the live view: what is shown, where the cursor is, what a key changes. Knows neither terminal nor server: it
 * is given rows and keys, and asks for what it needs by `Wish`es. Not thread-safe, has no time of its own.
 */
import type { TreeOptions, TreeRow } from '../../admin/types.ts';
import type { Action } from './keys.ts';
import { RowStore } from './row-store.ts';
import { type Entry, entriesOf, SORT_KEYS, type SortKey, type ViewOptions } from './view.ts';

/** What the view wants from the outside. */
export type Wish =
  | { readonly kind: 'subscribe'; readonly options: TreeOptions }
  | { readonly kind: 'call'; readonly verb: string; readonly id: string }
  | { readonly kind: 'quit' };

/** What the keys go to instead of the table. */
export type Prompt =
  | { readonly kind: 'filter'; readonly text: string }
  | { readonly kind: 'confirm'; readonly verb: string; readonly id: string };

export interface TopOptions {
  readonly node: string;
  /** Id of the row to begin with; default the node. */
  readonly root?: string;
  readonly sort?: SortKey;
  readonly filter?: string;
  readonly everyMs?: number;
  readonly depth?: number;
}

const LIMIT_START = 200;
const LIMIT_MAX = 5_000;
const DEPTH_START = 3;
const DEPTH_MAX = 16;
/** Folds that a person has changed; beyond it the oldest is forgotten. */
const TOGGLED_MAX = 1_000;
const FILTER_MAX = 64;
const DETAIL_FROM_ROWS = 40;
const PACES_MS: readonly number[] = [250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

export class TopState {
  readonly store = new RowStore();
  readonly #node: string;
  readonly #wish: (wish: Wish) => void;
  readonly #toggled = new Map<string, boolean>();
  #root: string;
  #sort: SortKey;
  #isReversed = false;
  #filter: string;
  #mode: 'tree' | 'list' = 'tree';
  #depth: number;
  #limit = LIMIT_START;
  #everyMs: number;
  #entries: readonly Entry[] = [];
  #cursor = 0;
  #cursorId: string | null = null;
  #offset = 0;
  #screenRows = 24;
  #bodyRows = 10;
  #isPaused = false;
  #hasDetail: boolean | null = null;
  #hasHelp = false;
  #prompt: Prompt | null = null;

  constructor(options: TopOptions, wish: (wish: Wish) => void) {
    this.#node = options.node;
    this.#root = options.root ?? options.node;
    this.#sort = options.sort ?? 'rate';
    this.#filter = options.filter ?? '';
    this.#everyMs = options.everyMs ?? 1_000;
    this.#depth = options.depth ?? DEPTH_START;
    this.#wish = wish;
  }

  get root(): string {
    return this.#root;
  }
  get sort(): SortKey {
    return this.#sort;
  }
  get isReversed(): boolean {
    return this.#isReversed;
  }
  get filter(): string {
    return this.#filter;
  }
  get mode(): 'tree' | 'list' {
    return this.#mode;
  }
  get depth(): number {
    return this.#depth;
  }
  get limit(): number {
    return this.#limit;
  }
  get everyMs(): number {
    return this.#everyMs;
  }
  get isPaused(): boolean {
    return this.#isPaused;
  }
  get hasHelp(): boolean {
    return this.#hasHelp;
  }
  /** Details of the row under the cursor: as asked for, else where the screen is high enough. */
  get hasDetail(): boolean {
    return this.#hasDetail ?? this.#screenRows >= DETAIL_FROM_ROWS;
  }
  get prompt(): Prompt | null {
    return this.#prompt;
  }
  get entries(): readonly Entry[] {
    return this.#entries;
  }
  get cursor(): number {
    return this.#cursor;
  }
  /** Index of the first entry on the screen. */
  get offset(): number {
    return this.#offset;
  }
  /** The row under the cursor. */
  get chosen(): TreeRow | undefined {
    return this.#entries[this.#cursor]?.row;
  }

  /** What to subscribe to. */
  subscription(): TreeOptions {
    const own = {
      depth: this.#depth,
      everyMs: this.#everyMs,
      limit: this.#limit,
      sort: this.#sort,
    };
    return {
      ...own,
      ...(this.#root === this.#node ? {} : { root: this.#root }),
      ...(this.#filter === '' ? {} : { filter: this.#filter }),
    };
  }

  /** Takes an event of the tree; true when the screen is to be drawn again. */
  event(kind: string, data: unknown): boolean {
    if (!this.store.apply(kind, data) || this.#isPaused) return false;
    this.#renew();
    return true;
  }

  /** How many lines the screen has. */
  set screenRows(rows: number) {
    this.#screenRows = rows;
  }

  /** How many of them are the table's. */
  set bodyRows(rows: number) {
    if (rows === this.#bodyRows) return;
    this.#bodyRows = Math.max(1, rows);
    this.#scroll();
  }

  /** Keys of a prompt. */
  type(input: string, ending: 'enter' | 'escape' | 'backspace' | null): void {
    const prompt = this.#prompt;
    if (prompt === null) return;
    if (prompt.kind === 'confirm') {
      this.#prompt = null;
      if (input === 'y') this.#wish({ kind: 'call', verb: prompt.verb, id: prompt.id });
      return;
    }
    if (ending === 'escape') this.#prompt = null;
    else if (ending === 'enter') this.#setFilter(prompt.text.trim());
    else if (ending === 'backspace') this.#prompt = { ...prompt, text: prompt.text.slice(0, -1) };
    else this.#prompt = { ...prompt, text: (prompt.text + input).slice(0, FILTER_MAX) };
  }

  /** A key of the table. */
  act(action: Action): void {
    if (this.#hasHelp) {
      this.#hasHelp = false;
      return;
    }
    ACTIONS[action](this);
  }

  move(by: number): void {
    this.#cursor = clamp(this.#cursor + by, 0, this.#entries.length - 1);
    this.#cursorId = this.chosen?.id ?? null;
    this.#scroll();
  }

  page(by: number): void {
    this.move(by * Math.max(1, this.#bodyRows - 1));
  }

  /** Opens what is below the row, one level deeper than subscribed if need be; a sum of rows opens by asking for more. */
  open(): void {
    const entry = this.#entries[this.#cursor];
    if (entry === undefined) return;
    if (entry.row.kind === 'more') this.more();
    else if (entry.isOpen === true) this.move(1);
    else if (entry.isOpen === false) {
      this.#toggle(entry.row.id, true);
      if (this.store.children(entry.row.id).length === 0) this.deepen(1);
    }
  }

  /** Closes the row, or goes to the row above when it is closed already. */
  close(): void {
    const entry = this.#entries[this.#cursor];
    if (entry === undefined) return;
    if (entry.isOpen === true) {
      this.#toggle(entry.row.id, false);
      return;
    }
    const above = this.#entries.findIndex(({ row }) => row.id === entry.row.parent);
    if (above >= 0) this.move(above - this.#cursor);
  }

  /** The row becomes the top of the tree. */
  into(): void {
    const entry = this.#entries[this.#cursor];
    if (entry === undefined) return;
    if (entry.row.kind === 'more') this.more();
    else if (entry.row.children === 0) this.#hasDetail = true;
    else if (entry.row.id !== this.#root) this.#setRoot(entry.row.id, entry.row.id);
  }

  /** Back to the row above the top of the tree, with the cursor on what was the top. */
  out(): void {
    if (this.#root === this.#node) return;
    const own = this.store.row(this.#root)?.parent;
    const parent = own ?? this.#root.slice(0, this.#root.lastIndexOf('/'));
    this.#setRoot(parent.startsWith(this.#node) ? parent : this.#node, this.#root);
  }

  /** The top of the tree is not there any more: back to the node. */
  rootGone(): void {
    if (this.#root !== this.#node) this.#setRoot(this.#node, this.#root);
  }

  nextSort(): void {
    this.#sort = SORT_KEYS[(SORT_KEYS.indexOf(this.#sort) + 1) % SORT_KEYS.length] ?? 'rate';
    this.#isReversed = false;
    this.#resubscribe();
  }

  reverse(): void {
    this.#isReversed = !this.#isReversed;
    this.#renew();
  }

  toggleMode(): void {
    this.#mode = this.#mode === 'tree' ? 'list' : 'tree';
    this.#renew();
  }

  deepen(by: number): void {
    const depth = clamp(this.#depth + by, 1, DEPTH_MAX);
    if (depth === this.#depth) return;
    this.#depth = depth;
    this.#resubscribe();
  }

  more(): void {
    if (this.#limit === LIMIT_MAX) return;
    this.#limit = Math.min(LIMIT_MAX, this.#limit * 5);
    this.#resubscribe();
  }

  pace(by: number): void {
    const at = PACES_MS.findIndex((ms) => ms >= this.#everyMs);
    const everyMs = PACES_MS[clamp(at + by, 0, PACES_MS.length - 1)] ?? 1_000;
    if (everyMs === this.#everyMs) return;
    this.#everyMs = everyMs;
    this.#resubscribe();
  }

  pause(): void {
    this.#isPaused = !this.#isPaused;
    if (!this.#isPaused) this.#renew();
  }

  toggleDetail(): void {
    this.#hasDetail = !this.hasDetail;
  }

  ask(prompt: Prompt | null): void {
    this.#prompt = prompt;
  }

  askFor(verb: string): void {
    const row = this.chosen;
    if (row !== undefined && row.kind !== 'more') this.ask({ kind: 'confirm', verb, id: row.id });
  }

  showHelp(): void {
    this.#hasHelp = true;
  }

  /** Escape: takes back the filter, then the way down. */
  back(): void {
    if (this.#filter !== '') this.#setFilter('');
    else this.out();
  }

  quit(): void {
    this.#wish({ kind: 'quit' });
  }

  #setFilter(filter: string): void {
    this.#prompt = null;
    if (filter === this.#filter) return;
    this.#filter = filter;
    this.#resubscribe();
  }

  #setRoot(root: string, cursorId: string): void {
    this.#root = root;
    this.#cursorId = cursorId;
    this.#cursor = 0;
    this.#offset = 0;
    this.#limit = LIMIT_START;
    this.#resubscribe();
  }

  #toggle(id: string, isOpen: boolean): void {
    this.#toggled.delete(id);
    this.#toggled.set(id, isOpen);
    const [oldest] = this.#toggled.keys();
    if (this.#toggled.size > TOGGLED_MAX && oldest !== undefined) this.#toggled.delete(oldest);
    this.#renew();
  }

  #resubscribe(): void {
    this.#renew();
    this.#wish({ kind: 'subscribe', options: this.subscription() });
  }

  #view(): ViewOptions {
    return {
      root: this.#root,
      sort: this.#sort,
      isReversed: this.#isReversed,
      mode: this.#mode,
      // A filter has chosen already: everything that it left is shown.
      openLevels: this.#filter === '' ? 2 : DEPTH_MAX,
      toggled: this.#toggled,
    };
  }

  /** Makes the entries anew; the cursor stays on its row, or on its line when the row is gone. */
  #renew(): void {
    this.#entries = entriesOf(this.store, this.#view());
    const at = this.#entries.findIndex(({ row }) => row.id === this.#cursorId);
    this.#cursor = clamp(at >= 0 ? at : this.#cursor, 0, this.#entries.length - 1);
    // A row that only a new subscription brings stays wanted.
    if (this.#cursorId === null) this.#cursorId = this.chosen?.id ?? null;
    this.#scroll();
  }

  #scroll(): void {
    const last = Math.max(0, this.#entries.length - this.#bodyRows);
    const least = Math.max(0, this.#cursor - this.#bodyRows + 1);
    this.#offset = clamp(this.#offset, least, Math.min(this.#cursor, last));
  }
}

const ACTIONS: Readonly<Record<Action, (state: TopState) => void>> = {
  up: (state) => state.move(-1),
  down: (state) => state.move(1),
  pageUp: (state) => state.page(-1),
  pageDown: (state) => state.page(1),
  first: (state) => state.move(Number.NEGATIVE_INFINITY),
  last: (state) => state.move(Number.POSITIVE_INFINITY),
  open: (state) => state.open(),
  close: (state) => state.close(),
  into: (state) => state.into(),
  out: (state) => state.out(),
  sort: (state) => state.nextSort(),
  reverse: (state) => state.reverse(),
  filter: (state) => state.ask({ kind: 'filter', text: state.filter }),
  list: (state) => state.toggleMode(),
  deeper: (state) => state.deepen(1),
  shallower: (state) => state.deepen(-1),
  more: (state) => state.more(),
  faster: (state) => state.pace(-1),
  slower: (state) => state.pace(1),
  pause: (state) => state.pause(),
  detail: (state) => state.toggleDetail(),
  suspend: (state) => state.askFor('suspend'),
  resume: (state) => state.askFor('resume'),
  kill: (state) => state.askFor('kill'),
  restart: (state) => state.askFor('restart'),
  help: (state) => state.showHelp(),
  back: (state) => state.back(),
  quit: (state) => state.quit(),
};

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, Math.max(least, most)));
}
