/** Fakes around a voice session: a server that answers the ops in memory, media without a browser, an output that only notes. */
import {
  type Frame,
  Op,
  okVJoinFrame,
  okVSyncFrame,
  type VoiceFrame,
  type VoiceParticipant,
  type WireValue,
} from '../../../gateway/protocol/index.ts';
import type { Reply } from '../../connection.ts';
import { Emitter } from '../../emitter.ts';
import { FakeClock, fixedRng, settle } from '../../test/fake-clock.ts';
import { VoiceSession } from '../session.ts';
import type { VoiceState } from '../session-types.ts';
import type {
  ConsumerOffer,
  KeyExchange,
  MediaEngine,
  ReceivedTrack,
  ReceiveTransport,
  SendTransport,
  TransportState,
  VoiceOutput,
  VoicePort,
} from '../types.ts';

type Values = readonly WireValue[];
type Refusal = { readonly code: number; readonly retryMs?: number };

/** The server's side of one membership. */
export class FakeServer implements VoicePort {
  readonly events = new Emitter<{ voice: VoiceFrame; online: null }>();
  /** Every op with its arguments, by name. */
  readonly asked: (readonly [name: string, ...args: Values])[] = [];
  /** Answers of the next ops, by name, taken one by one before the usual ones. */
  readonly refusals = new Map<string, (Refusal | 'lost')[]>();
  participants: VoiceParticipant[] = [];
  consumers: ConsumerOffer[] = [];
  routerCaps = 'router caps';
  lostTids: number[] = [];
  lostCids: number[] = [];
  ver = 1;
  online = true;
  #nextId = 10;

  request(build: (rid: number) => Frame): Promise<Reply> {
    const [op, , ...args] = build(1);
    const name = Object.entries(Op).find(([, code]) => code === op)?.[0] ?? '';
    this.asked.push([name, ...args]);
    const refusal = this.refusals.get(name)?.shift();
    if (refusal === 'lost' || !this.online) return Promise.resolve({ ok: false, isLost: true });
    if (refusal !== undefined) {
      const { code, retryMs = null } = refusal;
      return Promise.resolve({ ok: false, isLost: false, code, name: '', retryMs });
    }
    return Promise.resolve({ ok: true, result: this.#answer(op) });
  }

  onVoice(listener: (frame: VoiceFrame) => void) {
    return this.events.on('voice', listener);
  }

  onOnline(listener: () => void) {
    return this.events.on('online', () => listener());
  }

  isOnline(): boolean {
    return this.online;
  }

  /** The connection comes back. */
  reconnect(): void {
    this.online = true;
    this.events.emit('online', null);
  }

  push(kind: number, ...body: Values): void {
    this.events.emit('voice', { op: Op.VOICE, vsid: 7, ver: this.ver, kind, body });
  }

  /** A change of the roster. */
  change(kind: number, ...body: Values): void {
    this.ver += 1;
    this.push(kind, ...body);
  }

  count(name: string): number {
    return this.asked.filter(([asked]) => asked === name).length;
  }

  #answer(op: number): Values {
    const people = this.participants.map(({ uid, flags, producers }) => {
      const list = producers.map(({ pid, media, paused }) => [pid, media, paused] as const);
      return [uid, flags, list] as const;
    });
    if (op === Op.V_JOIN) {
      const send = { tid: this.#nextId++, params: '{}' };
      const receive = { tid: this.#nextId++, params: '{}' };
      const { ver, routerCaps, consumers } = this;
      const bundle = { send, receive, consumers };
      const joined = { vsid: 7, ver, routerCaps, iceServers: '[]', e2e: 0, epoch: 1, bundle };
      return okVJoinFrame(1, { ...joined, participants: people }).slice(2) as Values;
    }
    if (op === Op.V_SYNC) {
      const { ver, lostTids, lostCids } = this;
      const synced = { ver, participants: people, lostTids, lostPids: [], lostCids };
      return okVSyncFrame(1, synced).slice(2) as Values;
    }
    if (op === Op.V_PRODUCE) return [this.#nextId++];
    if (op === Op.V_TRANSPORT) return [this.#nextId++, '{}'];
    return op === Op.V_ICE ? ['{}'] : [];
  }
}

/** One transport of FakeMedia. */
export interface FakeTransport {
  readonly dir: 'send' | 'receive';
  readonly restarts: string[];
  isClosed: boolean;
  /** What the browser counts. */
  checks: { readonly sent: number; readonly answered: number } | null;
  state(state: TransportState): void;
}

/** Media that connects when it is first used. */
export class FakeMedia implements MediaEngine {
  readonly transports: FakeTransport[] = [];
  readonly loaded: string[] = [];
  /** Own capabilities by what the server can. */
  ownCaps = (_routerCaps: string): string => 'own caps';
  /** Level of every voice. */
  level = 0;
  isSentPaused: boolean | null = null;
  tuned: number[] = [];

  load(routerCaps: string): Promise<string> {
    this.loaded.push(routerCaps);
    return Promise.resolve(this.ownCaps(routerCaps));
  }

  send(...[, , wire]: Parameters<MediaEngine['send']>): SendTransport {
    return {
      ...this.#transport('send'),
      produce: async () => {
        await wire.connect('dtls');
        const pid = await wire.produce('rtp');
        return {
          pid,
          setPaused: (isPaused) => {
            this.isSentPaused = isPaused;
          },
          replace: () => Promise.resolve(),
          tune: async (maxBitrate) => {
            this.tuned.push(maxBitrate);
          },
          stats: () => Promise.resolve(new Map() as unknown as RTCStatsReport),
        };
      },
    };
  }

  receive(...[, , wire]: Parameters<MediaEngine['receive']>): ReceiveTransport {
    let connecting: Promise<void> | null = null;
    return {
      ...this.#transport('receive'),
      consume: async (): Promise<ReceivedTrack> => {
        connecting ??= wire.connect('dtls');
        await connecting;
        return {
          track: {} as MediaStreamTrack,
          started: Promise.resolve(),
          level: () => this.level,
          stats: () => Promise.resolve(new Map() as unknown as RTCStatsReport),
          close: () => undefined,
        };
      },
    };
  }

  #transport(dir: FakeTransport['dir']) {
    let listener: (state: TransportState) => void = () => undefined;
    const transport: FakeTransport = {
      dir,
      restarts: [],
      isClosed: false,
      checks: null,
      state: (state) => listener(state),
    };
    this.transports.push(transport);
    return {
      onState: (told: (state: TransportState) => void) => {
        listener = told;
      },
      restartIce: async (ice: string) => {
        transport.restarts.push(ice);
      },
      checks: async () => transport.checks,
      close: () => {
        transport.isClosed = true;
      },
    };
  }
}

/** Notes what it is told. */
export class FakeOutput implements VoiceOutput {
  readonly playing = new Map<number, number>();
  isDeaf = false;
  priority: readonly number[] = [];

  add(uid: number, cid: number): void {
    this.playing.set(cid, uid);
  }

  remove(cid: number): void {
    this.playing.delete(cid);
  }

  setDeaf(isDeaf: boolean): void {
    this.isDeaf = isDeaf;
  }

  setPriority(uids: ReadonlySet<number>): void {
    this.priority = [...uids];
  }
}

/** Notes what the session says of the room, and sends when the test does. */
export class FakeKeys implements KeyExchange {
  readonly log: (readonly Values[number][])[] = [];
  send: Parameters<KeyExchange['start']>[0] = () => Promise.resolve(false);

  start(send: Parameters<KeyExchange['start']>[0]): void {
    this.send = send;
  }

  joined(uids: readonly number[]): void {
    this.log.push(['joined', ...uids]);
  }

  people(uids: readonly number[]): void {
    this.log.push(['people', ...uids]);
  }

  receive(from: number, data: string): void {
    this.log.push(['receive', from, data]);
  }
}

/** A session with fakes around it. User 1 is oneself. */
export function voiceRig(
  options: {
    readonly isMuted?: boolean;
    readonly isListener?: boolean;
    readonly keys?: KeyExchange;
  } = {},
) {
  const clock = new FakeClock();
  const server = new FakeServer();
  const media = new FakeMedia();
  const output = new FakeOutput();
  server.participants = [
    { uid: 1, flags: 0, producers: [] },
    { uid: 2, flags: 0, producers: [{ pid: 3, media: 1, paused: false }] },
  ];
  server.consumers = [{ pid: 3, cid: 20, media: 1, rtp: '{}' }];
  const session = new VoiceSession({
    port: server,
    engine: media,
    output,
    clock,
    rng: fixedRng(0.5),
    sid: 99,
    uid: 1,
    track: options.isListener === true ? null : ({} as MediaStreamTrack),
    isMuted: options.isMuted ?? false,
    keys: options.keys ?? null,
  });
  const states: VoiceState[] = [];
  session.on('state', (state) => states.push(state));
  return { clock, server, media, output, session, states, settle };
}
