/**
 * The other thread of the lane figures: a sink that counts, an echo, and a handler that keeps the thread busy. Loaded by
 * lanes.ts as a slot of its node.
 */
import { cast, defineActor, name, type Ref, spawn } from '../../runtime/index.ts';

/** A chat message; 150 bytes as JSON. */
export interface Message {
  readonly sid: number;
  readonly uid: number;
  readonly nonce: string;
  readonly text: string;
}

/** On main: is told how many messages have been handled. */
export interface SourceP {
  handled(count: number): void;
}

export interface SinkP {
  message(message: Message): void;
  /** Tells `source` of every `every` messages from now on. */
  start(m: { readonly source: Ref<SourceP>; readonly every: number }): void;
  echo(message: Message): Message;
  /** Does nothing else for `ms`. */
  spin(ms: number): void;
  count(): number;
}

interface State {
  count: number;
  every: number;
  source: Ref<SourceP>;
}

const Sink = defineActor<SinkP, State>({
  init: () => ({ count: 0, every: 0, source: 0 as Ref<SourceP> }),
  handle: {
    message(s) {
      s.count++;
      if (s.every > 0 && s.count % s.every === 0) cast(s.source, 'handled', s.count);
    },
    start(s, { source, every }) {
      s.count = 0;
      s.every = every;
      s.source = source;
    },
    echo: (_s, message) => message,
    spin(s, ms) {
      s.every = 0;
      const end = performance.now() + ms;
      while (performance.now() < end);
    },
    count: (s) => s.count,
  },
  // The lane's own bound is what the flood is about.
  mailbox: { limit: 10_000_000 },
});

/** Starts the thread's one actor. */
export async function boot(): Promise<void> {
  await spawn(Sink, undefined, { name: name('sink') });
}
