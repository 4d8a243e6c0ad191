/** A person's connection to Driftway: ops 48 to 54 and VOICE of PROTOCOL.md over msgpack. Driving process. */
import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import { Answers } from './answers.ts';
import {
  CAPABILITIES,
  dtlsOf,
  offerOf,
  producedRtp,
  ssrcOf,
  type TransportParameters,
} from './rtp.ts';
import type {
  ConsumerOffer,
  JoinAnswer,
  Key,
  Signalling,
  TransportOffer,
  VoiceEvents,
} from './types.ts';

const OP = {
  hello: 1,
  identify: 2,
  ok: 4,
  err: 5,
  voice: 23,
  join: 48,
  leave: 49,
  connect: 51,
  produce: 52,
  pause: 54,
} as const;
const VOICE_ENDED = 9;
const VOICE_EPOCH = 11;
const VOICE_CONSUMER = 12;
/** Both transports and all consumers with the answer, and consumers of later talkers without a request. */
const JOIN_BUNDLED = 4;
const MEDIA_AUDIO = 1;
/** ERR that says "not now": the media workers are starting. */
const ERR_UNAVAILABLE = 502;
const RETRIES = 100;
const RETRY_MS = 200;

const { pack, unpack } = new Packr({ useRecords: false, int64AsType: 'number' });
const CAPS_TEXT = JSON.stringify(CAPABILITIES);

type Frame = readonly unknown[];

/** What an ERR says. */
export class Refusal extends Error {
  readonly code: number;

  constructor(what: string, code: number, name: unknown) {
    super(`driftway: ${what}: ERR ${code} ${String(name)}`);
    this.code = code;
  }
}

export class DriftwaySignalling implements Signalling {
  readonly #socket: WebSocket;
  readonly #sid: number;
  readonly #answers = new Answers<Frame>('driftway');
  #events: VoiceEvents | undefined;
  #vsid = 0;
  #produced = 0;
  #hello: () => void = () => {};

  private constructor(socket: WebSocket, sid: number) {
    this.#socket = socket;
    this.#sid = sid;
    socket.on('message', (data: Buffer) => this.#take(unpack(data) as Frame));
    socket.on('close', (code) =>
      this.#answers.fail(new Error(`driftway: connection closed with ${code}`)),
    );
  }

  /** Connects and identifies; `sid` is the voice channel of later joins. */
  static async connect(port: number, token: string, sid: number): Promise<DriftwaySignalling> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/gw`, 'driftway.v1.mp', {
      perMessageDeflate: false,
    });
    const signalling = new DriftwaySignalling(socket, sid);
    await new Promise<void>((resolve, reject) => {
      signalling.#hello = resolve;
      socket.once('error', reject);
    });
    await signalling.#ask('identify', OP.identify, token, null, 'bench 1', 0, null);
    return signalling;
  }

  async join(events: VoiceEvents): Promise<JoinAnswer> {
    this.#events = events;
    const answer = await this.#askJoin();
    this.#vsid = Number(answer[0]);
    const [send, receive, consumers] = answer.slice(7) as [Frame | null, Frame, readonly Frame[]];
    return {
      send: send === null ? null : transportOf(send),
      receive: transportOf(receive),
      consumers: (consumers ?? []).map(consumerOf),
    };
  }

  async connect({ key }: TransportOffer, fingerprint: string): Promise<void> {
    const dtls = JSON.stringify(dtlsOf(fingerprint));
    await this.#ask('connect', OP.connect, this.#vsid, Number(key), dtls);
  }

  async produce({ key }: TransportOffer, ssrc: number): Promise<Key> {
    this.#produced += 1;
    const rtp = JSON.stringify(producedRtp(ssrc));
    const what = [this.#vsid, Number(key), `bench-${this.#produced}`, MEDIA_AUDIO, rtp, 0];
    const [pid] = await this.#ask('produce', OP.produce, ...what);
    return String(pid);
  }

  async resume(consumer: Key): Promise<void> {
    await this.#ask('resume', OP.pause, this.#vsid, Number(consumer), false);
  }

  async leave(): Promise<void> {
    await this.#ask('leave', OP.leave, this.#vsid);
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.pause();
    else this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  async #askJoin(): Promise<Frame> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#ask('join', OP.join, this.#sid, CAPS_TEXT, JOIN_BUNDLED, 0);
      } catch (error) {
        const isTooSoon = error instanceof Refusal && error.code === ERR_UNAVAILABLE;
        if (!isTooSoon || attempt >= RETRIES) throw error;
        await new Promise((resolve) => {
          setTimeout(resolve, RETRY_MS);
        });
      }
    }
  }

  #ask(what: string, op: number, ...body: readonly unknown[]): Promise<Frame> {
    const { answer, id } = this.#answers.expect(what);
    this.#socket.send(pack([op, id, ...body]));
    return answer;
  }

  #take(frame: Frame): void {
    const [op, id] = frame as readonly [number, number];
    if (op === OP.hello) this.#hello();
    else if (op === OP.ok) this.#answers.resolve(id, frame.slice(2));
    else if (op === OP.err)
      this.#answers.reject(id, new Refusal('request', Number(frame[2]), frame[3]));
    else if (op === OP.voice) this.#event(Number(frame[3]), frame.slice(4));
  }

  #event(kind: number, body: Frame): void {
    if (kind === VOICE_CONSUMER) this.#events?.consumer(consumerOf(body));
    else if (kind === VOICE_EPOCH || kind === VOICE_ENDED) this.#events?.reset();
  }
}

function transportOf([tid, json]: Frame): TransportOffer {
  return offerOf(String(tid), JSON.parse(String(json)) as TransportParameters);
}

/** `[pid, cid, media, J]`. */
function consumerOf([pid, cid, , json]: Frame): ConsumerOffer {
  const parsed = JSON.parse(String(json)) as { readonly rtpParameters?: object };
  return {
    producer: String(pid),
    consumer: String(cid),
    ssrc: ssrcOf((parsed.rtpParameters ?? parsed) as Parameters<typeof ssrcOf>[0]),
  };
}
