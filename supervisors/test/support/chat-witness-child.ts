/**
 * The process of a ChatWitness (chat-witness.ts): one who writes to a text channel, one message after another, and one who reads it.
 * Takes the time from the write to the read. Started with an IPC channel; ends with it. Must never import product code.
 */
import type { WitnessOrder, WitnessReply, WitnessStart } from './chat-witness.ts';
import { nowMs, RawClient } from './raw-client.ts';
import { pause } from './server-process.ts';
import { OP } from './wire.ts';

const GAP_MS = 10;

async function connect(port: number, token: string, sid: number): Promise<RawClient> {
  const client = await RawClient.open({ port });
  await client.first(OP.hello);
  await client.identify(token);
  await client.sub([[sid]]);
  return client;
}

class Witness {
  readonly #writer: RawClient;
  readonly #reader: RawClient;
  readonly #sid: number;
  #times: number[] = [];
  #refused = 0;
  #order: WitnessOrder | undefined;

  constructor(writer: RawClient, reader: RawClient, sid: number) {
    this.#writer = writer;
    this.#reader = reader;
    this.#sid = sid;
  }

  /** Answers when there are so many messages since the last answer. */
  take(order: WitnessOrder): void {
    this.#order = order;
    this.#answer();
  }

  async run(): Promise<void> {
    for (let i = 0; this.#isOpen(); i += 1) {
      const word = `word ${i}`;
      const fromMs = nowMs();
      const isIt = (frame: readonly unknown[]): boolean =>
        frame[0] === OP.ev && frame[1] === this.#sid && JSON.stringify(frame).includes(`"${word}"`);
      const read = this.#reader.waitFor(isIt, word).then(
        () => nowMs(),
        () => undefined,
      );
      const [op] = await this.#writer.append(this.#sid, `w${i}`, word).catch(() => [OP.err]);
      const atMs = op === OP.ok ? await read : undefined;
      if (atMs === undefined) this.#refused += 1;
      else this.#times.push(atMs - fromMs);
      this.#answer();
      await pause(GAP_MS);
    }
    this.#answer();
  }

  #isOpen(): boolean {
    return this.#writer.isOpen && this.#reader.isOpen;
  }

  #answer(): void {
    if (this.#order === undefined || (this.#isOpen() && this.#times.length < this.#order.least)) {
      return;
    }
    const times = this.#times;
    const refused = this.#refused;
    [this.#order, this.#times] = [undefined, []];
    tell({ times, refused, isOpen: this.#isOpen() });
  }
}

function tell(reply: WitnessReply): void {
  process.send?.(reply);
}

let witness: Witness | undefined;
process.once('disconnect', () => process.exit());
process.on('message', (message: WitnessStart | WitnessOrder) => {
  if ('least' in message) {
    witness?.take(message);
    return;
  }
  const { port, sid, tokens } = message;
  void Promise.all(tokens.map((token) => connect(port, token, sid))).then(([writer, reader]) => {
    witness = new Witness(writer as RawClient, reader as RawClient, sid);
    tell({ times: [], refused: 0, isOpen: true });
    return witness.run();
  });
});
