/** Voice rooms as a gateway thread sees them: what it asks is recorded, what they answer the test says. Test support. */
import type { MonitorId, Ref } from '../../runtime/index.ts';
import type { Joined, VoiceOutP as VoiceEventsP, VoiceResult } from '../../voice/index.ts';
import type { Holder, RoomCaller, VoiceUpstream } from '../upstream-voice.ts';

type Answer = (m: never, sid: number) => unknown;

export interface FakeRooms extends VoiceUpstream {
  /** Every op of a room with its argument, and every cast, in order. */
  readonly heard: { readonly op: string; readonly sid: number; readonly m: unknown }[];
  /** By op; what is not here is answered ok with null. */
  readonly answers: Map<string, Answer>;
  /** Memberships that another gateway thread would give. */
  readonly elsewhere: Map<number, number>;
  readonly monitored: Map<MonitorId, Ref<unknown>>;
  of(op: string): readonly unknown[];
}

export const OK: VoiceResult<null> = { ok: true, value: null };

/** An ok answer to a join. */
export function joined(vsid: number, more: Partial<Joined> = {}): VoiceResult<Joined> {
  const room = 4711 as unknown as Ref<unknown>;
  const texts = { routerCaps: '{"codecs":[]}', iceServers: '[]' };
  const value = { vsid, ver: 1, epoch: 1, ...texts, participants: [], e2e: 0, room, ...more };
  return { ok: true, value };
}

export function createFakeRooms(): FakeRooms {
  const heard: { readonly op: string; readonly sid: number; readonly m: unknown }[] = [];
  const answers = new Map<string, Answer>();
  const elsewhere = new Map<number, number>();
  const monitored = new Map<MonitorId, Ref<unknown>>();
  let monitors = 0;
  const ask = async (sid: number, op: string, m: unknown): Promise<unknown> => {
    heard.push({ op, sid, m });
    const answer = answers.get(op);
    return answer === undefined ? OK : await answer(m as never, sid);
  };
  return {
    heard,
    answers,
    elsewhere,
    monitored,
    of: (op) => heard.filter((one) => one.op === op).map(({ m }) => m),
    gateway: () => 99 as unknown as Ref<VoiceEventsP>,
    room: (sid) => ((op: string, m: unknown) => ask(sid, op, m)) as unknown as RoomCaller,
    leave: (sid, m) => {
      heard.push({ op: 'leave', sid, m });
    },
    connectionLost: (sid, m) => {
      heard.push({ op: 'connectionLost', sid, m });
    },
    monitor: (room) => {
      monitors += 1;
      const id = monitors as unknown as MonitorId;
      monitored.set(id, room);
      return id;
    },
    demonitor: (id) => {
      monitored.delete(id);
    },
    take: ({ vsid }: Holder) => {
      const sid = elsewhere.get(vsid);
      elsewhere.delete(vsid);
      return Promise.resolve(sid);
    },
    joinedElsewhere: (m) => {
      heard.push({ op: 'joinedElsewhere', sid: m.sid, m });
    },
  };
}
