/**
 * One person: signalling with a server and two transports of the generator. Talks or only listens, and enters anew when the server
 * says that its media worker is another one. Driving process.
 */
import { type First, type Generator, PeerClosed } from './generator.ts';
import type { ConsumerOffer, JoinAnswer, Key, Signalling } from './types.ts';

/** Who is heard behind a producer, in one room. Learnt from whoever talks, asked by whoever hears. */
export class Board {
  /** Why consumers brought no packet, one entry each. */
  readonly unheard: string[] = [];
  readonly #peers = new Map<Key, number>();
  readonly #asked = new Map<Key, ((peer: number) => void)[]>();

  set(producer: Key, peer: number): void {
    this.#peers.set(producer, peer);
    for (const tell of this.#asked.get(producer) ?? []) tell(peer);
    this.#asked.delete(producer);
  }

  peerOf(producer: Key): Promise<number> {
    const peer = this.#peers.get(producer);
    if (peer !== undefined) return Promise.resolve(peer);
    return new Promise((resolve) => {
      const asked = this.#asked.get(producer) ?? [];
      asked.push(resolve);
      this.#asked.set(producer, asked);
    });
  }
}

export interface PersonOptions {
  readonly generator: Generator;
  readonly signalling: Signalling;
  readonly board: Board;
  readonly talks: boolean;
  /** Its place in the 20 ms. */
  readonly phaseUs: number;
}

/** When what happened, of process.hrtime.bigint(). */
export interface JoinTimes {
  readonly askedNs: bigint;
  /** Both transports are connected. */
  readonly connectedNs: bigint;
}

export class Person {
  readonly #options: PersonOptions;
  #send: number | undefined;
  #receive: number | undefined;
  /** Of its own stream, as the server knows it. */
  #ssrc = 0;
  #firsts: Promise<First | undefined>[] = [];
  /** Offers that came in the same read as the answer to the join, before it was looked at. */
  #early: ConsumerOffer[] = [];
  #heard: (first: First) => void = () => {};
  /** The first packet since the last join; replaced by each join. */
  #hearing: Promise<First> = new Promise(() => {});
  #again: ((first: First) => void) | undefined;
  #isGone = false;
  /** Joins after a reset that failed. */
  failures = 0;
  /** Consumers that this person was offered since its last join. */
  offered = 0;

  constructor(options: PersonOptions) {
    this.#options = options;
  }

  get talks(): boolean {
    return this.#options.talks;
  }

  /** One for both directions, or one for each. */
  get transports(): number {
    return this.#send === undefined || this.#send === this.#receive ? 1 : 2;
  }

  get signalling(): Signalling {
    return this.#options.signalling;
  }

  /** Enters the room and resolves when both transports are connected. Hearing begins meanwhile. */
  async join(): Promise<JoinTimes> {
    const { generator, signalling } = this.#options;
    this.#begin();
    const askedNs = process.hrtime.bigint();
    const events = {
      consumer: (offer: ConsumerOffer) => this.#hear(offer),
      reset: () => this.#rejoin(),
      renewed: (renewed: JoinAnswer, produced?: Key) => this.#renew(renewed, produced),
    };
    const answer = await signalling.join(events, generator.fingerprint);
    const connectedNs = await this.#negotiate(answer);
    return { askedNs, connectedNs };
  }

  /** The first packet since the last join. */
  firstHeard(): Promise<First> {
    return this.#hearing;
  }

  /** The first packet after the next join: asked before what makes this person join again. */
  hearsAgain(): Promise<First> {
    return new Promise((resolve) => {
      this.#again = resolve;
    });
  }

  /** Resolves when every consumer of the last join has brought its first packet, or none in time. */
  async allHeard(): Promise<void> {
    await Promise.all(this.#firsts);
  }

  /** Talkers only: sends, or falls silent. */
  talk(isTalking: boolean): void {
    const { generator, phaseUs, talks } = this.#options;
    if (!talks || this.#send === undefined) return;
    if (isTalking) generator.talk(this.#send, phaseUs, this.#ssrc);
    else generator.hush(this.#send);
  }

  async leave(): Promise<void> {
    this.#isGone = true;
    this.#forget();
    await this.#options.signalling.leave();
    this.#isGone = false;
  }

  /** Leaves, so that nothing of this person waits for it to come back, and hangs up. */
  async close(): Promise<void> {
    this.#isGone = true;
    this.#forget();
    // Whoever is in no room is refused, which is as good.
    await this.#options.signalling.leave().catch(() => undefined);
    this.#options.signalling.close();
  }

  /** Nothing of before counts any more. */
  #begin(): void {
    this.#forget();
    const again = this.#again;
    this.#again = undefined;
    this.#hearing = new Promise((resolve) => {
      this.#heard = (first) => {
        resolve(first);
        again?.(first);
      };
    });
  }

  /** All requests at once, as they do not wait for each other on the server either. */
  async #negotiate({ consumers, receive, send }: JoinAnswer, known?: Key): Promise<bigint> {
    const { board, generator, signalling, talks } = this.#options;
    const receiving = generator.peer(receive);
    const isOne = send?.key === receive.key;
    const sending = send === null ? undefined : isOne ? receiving : generator.peer(send);
    this.#receive = receiving;
    this.#send = sending;
    const connected = [
      signalling.connect(receive, generator.fingerprint).then(() => generator.connected(receiving)),
    ];
    if (send !== null && sending !== undefined && !isOne) {
      const done = signalling
        .connect(send, generator.fingerprint)
        .then(() => generator.connected(sending));
      connected.push(done);
    }
    for (const offer of [...consumers, ...this.#early.splice(0)]) this.#hear(offer);
    const produced = async (): Promise<void> => {
      if (!talks || send === null || sending === undefined) return;
      if (known === undefined) this.#ssrc = generator.ssrcOf(sending);
      this.talk(true);
      board.set(known ?? (await signalling.produce(send, this.#ssrc)), sending);
    };
    const [times] = await Promise.all([Promise.all(connected), produced()]);
    return times.sort((a, b) => Number(a - b)).at(-1) ?? 0n;
  }

  #hear(offer: ConsumerOffer): void {
    if (this.#receive === undefined) {
      this.#early.push(offer);
      return;
    }
    this.offered += 1;
    this.#firsts.push(this.#hearOne(offer));
  }

  async #hearOne({ consumer, producer, ssrc }: ConsumerOffer): Promise<First | undefined> {
    const { board, generator, signalling } = this.#options;
    const heard = this.#heard;
    const receiving = this.#receive as number;
    try {
      const from = await board.peerOf(producer);
      if (this.#receive !== receiving) return undefined;
      const first = generator.hear(receiving, ssrc, from);
      const [at] = await Promise.all([first, signalling.resume(consumer)]);
      heard(at);
      return at;
    } catch (error) {
      if (!(error instanceof PeerClosed)) board.unheard.push(String(error));
      return undefined;
    }
  }

  #renew(answer: JoinAnswer, produced: Key | undefined): void {
    if (this.#isGone) return;
    this.#begin();
    this.#negotiate(answer, produced).catch(() => {
      this.failures += 1;
    });
  }

  #rejoin(): void {
    if (this.#isGone) return;
    this.join().catch(() => {
      this.failures += 1;
    });
  }

  #forget(): void {
    const { generator } = this.#options;
    for (const peer of [this.#send, this.#receive]) if (peer !== undefined) generator.close(peer);
    this.#send = undefined;
    this.#receive = undefined;
    this.#firsts = [];
    this.#early = [];
    this.offered = 0;
  }
}
