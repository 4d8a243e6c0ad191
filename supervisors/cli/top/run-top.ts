/**
 * Owns `driftway top` as a whole: ties the feed of rows, the state and the screen together for as long as the person stays.
 * Draws when rows come, when a key was pressed and when the terminal changes its size, and at no other time. Main thread.
 */
import type { Clock } from '../../../runtime/index.ts';
import type { AdminConnection, CliTerminal, Connected } from '../types.ts';
import { layoutFor } from './columns.ts';
import { TreeFeed } from './feed.ts';
import { type Facts, frameOf, type Link } from './frame.ts';
import { actionOf, type Pressed } from './keys.ts';
import { TableLines } from './lines.ts';
import { Screen } from './screen.ts';
import { type TopOptions, TopState, type Wish } from './state.ts';
import { painterFor } from './style.ts';

export interface RunTopOptions {
  readonly admin: AdminConnection;
  readonly terminal: CliTerminal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly view: Omit<TopOptions, 'node'>;
  /** A new connection after the first one is lost. */
  connect(): Promise<Connected>;
}

/** Why it ended: null when the person left. */
export async function runTop(options: RunTopOptions): Promise<string | null> {
  const top = new Top(options);
  return top.run();
}

class Top {
  readonly #options: RunTopOptions;
  readonly #state: TopState;
  readonly #feed: TreeFeed;
  readonly #table: TableLines;
  readonly #paint;
  readonly #screen: Screen;
  #facts: Facts;
  #message = '';
  #failure: string | null = null;

  constructor(options: RunTopOptions) {
    const { admin, terminal, clock } = options;
    this.#options = options;
    const { node, version, pid, startedAt } = admin.hello;
    this.#facts = { node, version, pid, startedAt, link: { kind: 'waiting' }, at: 0 };
    this.#state = new TopState({ ...options.view, node }, (wish) => this.#grant(wish));
    this.#paint = painterFor(terminal.hasColor);
    this.#table = new TableLines(layoutFor(terminal.columns), this.#paint);
    this.#feed = new TreeFeed(
      {
        clock,
        connect: options.connect,
        onOpen: ({ version, pid, startedAt }) => {
          this.#facts = { ...this.#facts, version, pid, startedAt };
          this.#state.store.restart();
        },
        onEvent: (kind, data) => this.#event(kind, data),
        onLost: (why, isFinal) => this.#lost(why, isFinal),
        onRefused: (code, message) => this.#refused(code, message),
      },
      this.#state.subscription(),
    );
    this.#screen = new Screen({
      terminal,
      onKey: (input, key) => this.#key(input, key),
      onResize: () => this.#draw(),
    });
  }

  async run(): Promise<string | null> {
    const leave = () => this.#screen.close();
    this.#options.signal.addEventListener('abort', leave, { once: true });
    try {
      this.#feed.begin(this.#options.admin);
      this.#draw();
      await this.#screen.closed();
      return this.#failure;
    } finally {
      this.#options.signal.removeEventListener('abort', leave);
      this.#feed.close();
      this.#screen.close();
    }
  }

  #event(kind: string, data: unknown): void {
    const wasLive = this.#facts.link.kind === 'live';
    this.#facts = { ...this.#facts, link: { kind: 'live' }, at: this.#options.clock.now() };
    if (this.#state.event(kind, data) || !wasLive) this.#draw();
  }

  #lost(why: string, isFinal: boolean): void {
    const link: Link = { kind: 'lost', why };
    this.#facts = { ...this.#facts, link };
    if (isFinal) {
      this.#failure = why;
      this.#screen.close();
    } else this.#draw();
  }

  #refused(code: string, message: string): void {
    this.#message = message;
    if (code === 'not_found') this.#state.rootGone();
    this.#draw();
  }

  #key(input: string, key: Pressed): void {
    this.#message = '';
    if (this.#state.prompt !== null) {
      const ending = key.return
        ? 'enter'
        : key.escape
          ? 'escape'
          : key.backspace || key.delete
            ? 'backspace'
            : null;
      const isText = ending === null && !key.ctrl && !key.meta && !key.tab;
      if (ending !== null || isText) this.#state.type(ending === null ? input : '', ending);
    } else {
      // Keys that come in one piece are several.
      for (const letter of input.length > 1 ? input : [input]) {
        const action = actionOf(letter, key);
        if (action !== null) this.#state.act(action);
        if (this.#state.prompt !== null) break;
      }
    }
    this.#draw();
  }

  #grant(wish: Wish): void {
    if (wish.kind === 'quit') this.#screen.close();
    else if (wish.kind === 'subscribe') this.#feed.want(wish.options);
    else void this.#call(wish.verb, wish.id);
  }

  async #call(verb: string, id: string): Promise<void> {
    this.#message = `${verb} ${id} ...`;
    const result = await this.#feed.call(verb, { id });
    this.#message = result.ok ? `${verb} ${id}: done` : `${verb}: ${result.message}`;
    this.#draw();
  }

  #draw(): void {
    const { size } = this.#screen;
    const lines = frameOf(this.#state, this.#facts, size, this.#table, this.#paint);
    const { prompt, hasHelp } = this.#state;
    this.#screen.show(lines, { prompt, message: this.#message, hasHelp, size });
  }
}
