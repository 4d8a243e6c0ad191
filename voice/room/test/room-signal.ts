/**
 * A thin client's connection straight to a room, without a gateway between: ops in wire order to calls, events to frames. Tests only.
 */
import { call, defineActor, entity, type Ops, type Ref, spawn } from '../../../runtime/index.ts';
import { type Signal, V, VoiceRefused } from '../../test/index.ts';
import type { Joined, RoomP, VoiceOutP, VoiceResult } from '../../types.ts';

/** A call whose types the caller knows. */
const anyCall = call as unknown as (to: unknown, op: string, arg: unknown) => Promise<unknown>;

const Ear = defineActor<VoiceOutP, RoomSignal, RoomSignal>({
  name: 'ear',
  init: (_ctx, signal) => signal,
  handle: {
    voice: (signal, { vsids, ver, kind, body }) => {
      for (const vsid of vsids) signal.onVoice([vsid, ver, kind, ...body]);
    },
  },
});

/** Codes are not the wire's: 601 for gone, 502 for unavailable, 603 for the rest. */
const CODES: Readonly<Record<string, number>> = { voice_gone: 601, unavailable: 502 };

export class RoomSignal implements Signal {
  readonly #uid: number;
  readonly #session: string;
  #sid = 0;
  #ear: Ref<VoiceOutP> | undefined;
  onVoice: Signal['onVoice'] = () => {};

  constructor(uid: number) {
    this.#uid = uid;
    this.#session = `session of ${uid}`;
  }

  async ask(op: number, args: readonly unknown[]): Promise<readonly unknown[]> {
    if (op === V.join) return await this.#join(args);
    const [vsid, a, b, c, d, e] = args;
    const member = { vsid, session: this.#session };
    switch (op) {
      case V.leave:
        return this.#done(op, 'leave', member);
      case V.connect:
        return this.#done(op, 'connect', { ...member, tid: a, dtls: b });
      case V.produce: {
        const m = { ...member, tid: a, cnonce: b, media: c, rtp: d, flags: e };
        return [(await this.#call<{ pid: number }>(op, 'produce', m)).pid];
      }
      case V.pause:
        return this.#done(op, 'pause', { ...member, id: a, paused: b });
      case V.close:
        return this.#done(op, 'close', { ...member, id: a });
      case V.ice:
        return this.#done(op, 'ice', { ...member, tid: a });
      case V.state:
        return this.#done(op, 'state', { ...member, mute: a, deaf: b });
      default:
        throw new Error(`op ${op} is not wired`);
    }
  }

  async #join([sid, rtpCaps, flags, e2e]: readonly unknown[]): Promise<readonly unknown[]> {
    this.#sid = sid as number;
    this.#ear ??= await spawn(Ear, this);
    const who = { uid: this.#uid, session: this.#session, gateway: this.#ear, connNo: 1 };
    const joined = await this.#call<Joined>(V.join, 'join', { ...who, rtpCaps, flags, e2e });
    const { bundle, epoch, iceServers, participants, routerCaps, ver, vsid } = joined;
    const send = bundle?.send ? [bundle.send.tid, bundle.send.params] : null;
    const receive = bundle ? [bundle.receive.tid, bundle.receive.params] : null;
    const consumers = bundle?.consumers.map(({ pid, cid, media, rtp }) => [pid, cid, media, rtp]);
    return [
      ...[vsid, ver, routerCaps, iceServers, participants, joined.e2e, epoch],
      ...[send, receive, consumers],
    ];
  }

  async #done(op: number, name: Ops<RoomP>, m: object): Promise<readonly unknown[]> {
    await this.#call(op, name, m);
    return [];
  }

  async #call<T>(op: number, name: Ops<RoomP>, m: object): Promise<T> {
    const room = entity<RoomP>('room', this.#sid);
    const result = (await anyCall(room, name, m)) as VoiceResult<T>;
    if (result.ok) return result.value;
    throw new VoiceRefused(op, CODES[result.error] ?? 603, result.retryMs);
  }
}
