/**
 * Owns output that goes on for a while: lines for people as they come, or one JSON document that is written piece by piece, so
 * that --json stays one document however long it lasts. Main thread of the command line.
 */
import { refused } from './ask.ts';
import { failed, streamed } from './outcome.ts';
import type { AdminConnection, CliContext, CliOutcome } from './types.ts';

/** Writes `{ "NAME": [item, ...], ...rest }` piece by piece with --json, else a line for each item. */
export class ListOutput<T> {
  readonly #context: CliContext;
  readonly #show: (item: T) => string;
  #count = 0;

  constructor(context: CliContext, name: string, show: (item: T) => string) {
    this.#context = context;
    this.#show = show;
    if (context.json) context.write(`{${JSON.stringify(name)}:[`);
  }

  get count(): number {
    return this.#count;
  }

  item(item: T): void {
    const { json, write } = this.#context;
    if (json) write(`${this.#count === 0 ? '' : ','}\n${JSON.stringify(item)}`);
    else write(`${this.#show(item)}\n`);
    this.#count++;
  }

  /** Ends the document; `rest` are further fields of it. */
  end(rest: Readonly<Record<string, unknown>> = {}): void {
    if (!this.#context.json) return;
    const fields = Object.entries(rest).map(
      ([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`,
    );
    this.#context.write(`]${fields.join('')}}\n`);
  }
}

export interface FollowOptions<T> {
  readonly topic: string;
  readonly options: unknown;
  /** Field of the JSON document. */
  readonly name: string;
  /** Items to end after; null: goes on until Ctrl-C. */
  readonly countMax: number | null;
  /** The item of an event; undefined for events that are none. */
  item(kind: string, data: unknown): T | undefined;
  show(item: T): string;
  /** Items that come before those of the topic. */
  readonly before?: readonly T[];
}

/** Prints the events of a topic until enough have come or the person has seen enough. */
export async function follow<T>(
  context: CliContext,
  admin: AdminConnection,
  { topic, options, name, countMax, item, show, before = [] }: FollowOptions<T>,
): Promise<CliOutcome> {
  const output = new ListOutput<T>(context, name, show);
  for (const each of before) output.item(each);
  const { promise: enough, resolve } = Promise.withResolvers<null>();
  const isFull = (): boolean => countMax !== null && output.count >= countMax;
  const opened = await admin.subscribe(topic, options, (kind, data) => {
    if (isFull()) return;
    if (kind === 'dropped' || kind === 'lost') {
      const { count } = data as { readonly count: number };
      context.note(`${count} not shown: this reader or the server was too slow`);
      return;
    }
    const found = item(kind, data);
    if (found !== undefined) output.item(found);
    if (isFull()) resolve(null);
  });
  if (!opened.ok) {
    output.end({ error: { code: opened.code, message: opened.message } });
    return { ...refused(opened), document: undefined };
  }
  if (isFull()) resolve(null);
  const lost = await Promise.race([enough, admin.closed]);
  if (lost === null || context.signal.aborted) {
    output.end();
    return streamed();
  }
  output.end({ error: { code: 'not_available', message: lost } });
  return { ...failed('not_available', lost), document: undefined };
}
