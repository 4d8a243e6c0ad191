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
  produce: 52,
} as const;
const VOICE_ENDED = 9;
const VOICE_EPOCH = 11;
const VOICE_CONSUMER = 12;
const VOICE_RENEWED = 19;
/** What was not renewed by then is asked for. */
const RENEWED_WITHIN_MS = 2000;
/** Bundled: transports and consumers with the answer; compact: one transport for both directions, and consumers that flow at once. */
const JOIN_FLAGS = 4 | 16;
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
  #renewing: NodeJS.Timeout | undefined;
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

  async join(events: VoiceEvents, fingerprint: string): Promise<JoinAnswer> {
    this.#events = events;
    const answer = await this.#askJoin(JSON.stringify(dtlsOf(fingerprint)));
    this.#vsid = Number(answer[0]);
    const [send, receive, consumers] = answer.slice(7) as [Frame | null, Frame, readonly Frame[]];
    return {
      send: send === null ? null : transportOf(send),
      receive: transportOf(receive),
      consumers: (consumers ?? []).map(consumerOf),
    };
  }

  /** The server knows it from the join. */
  async connect(): Promise<void> {}

  async produce({ key }: TransportOffer, ssrc: number): Promise<Key> {
    this.#produced += 1;
    const rtp = JSON.stringify(producedRtp(ssrc));
    const what = [this.#vsid, Number(key), `bench-${this.#produced}`, MEDIA_AUDIO, rtp, 0];
    const [pid] = await this.#ask('produce', OP.produce, ...what);
    return String(pid);
  }

  /** Consumers of a compact join flow from the start. */
  async resume(): Promise<void> {}

  async leave(): Promise<void> {
    await this.#ask('leave', OP.leave, this.#vsid);
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.pause();
    else this.#socket.resume();
  }

  close(): void {
    clearTimeout(this.#renewing);
    this.#socket.terminate();
  }

  async #askJoin(dtls: string): Promise<Frame> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#ask('join', OP.join, this.#sid, CAPS_TEXT, JOIN_FLAGS, 0, dtls);
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
    else if (kind === VOICE_ENDED) this.#events?.reset();
    else if (kind === VOICE_EPOCH) {
      clearTimeout(this.#renewing);
      this.#renewing = setTimeout(() => this.#events?.reset(), RENEWED_WITHIN_MS);
    } else if (kind === VOICE_RENEWED) this.#renewed(body);
  }

  #renewed([, transport, pids, consumers]: Frame): void {
    clearTimeout(this.#renewing);
    const both = transportOf(transport as Frame);
    const offers = (consumers as readonly Frame[]).map(consumerOf);
    const [pid] = pids as readonly number[];
    const answer = { send: both, receive: both, consumers: offers };
    this.#events?.renewed(answer, pid === undefined ? undefined : String(pid));
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
