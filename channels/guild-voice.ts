/**
 * What a guild is for the rooms of its voice channels: who may do what there, acts of one member on another, and whom to
 * tell of changes. Part of a guild actor; an act is planned here and committed by `guild-actor.ts`.
 */
import type { Ctx, MonitorId, Ref } from '../runtime/index.ts';
import type { ChannelDoc } from './docs.ts';
import type { GuildData } from './guild-data.ts';
import {
  type Actor,
  actorOf,
  channelFor,
  FORBIDDEN,
  type GuildTools,
  NOT_FOUND,
  type Planned,
  type Refused,
  type RightsChange,
} from './guild-plan.ts';
import { highestPosition } from './guild-rights.ts';
import { may, PERM_CONNECT, PERM_MOVE, PERM_PLAY, PERM_RECORD } from './permissions.ts';
import type { AuditChange, Id, VoiceAct, VoiceChannel, VoiceWatcherP } from './types.ts';
import { voiceSettings } from './voice-settings.ts';

// ---------------------------------------------------------------- reads

/** What a room is told of its channel; undefined when there is no such voice channel. */
export function voiceChannel(data: GuildData | undefined, sid: Id): VoiceChannel | undefined {
  const settings = voiceSettings(data?.channels.get(sid));
  return data === undefined || settings === undefined ? undefined : { gid: data.gid, settings };
}

/** Rights of users in a voice channel, in their order. Rejects when members cannot be read. */
export async function voicePerms(
  tools: GuildTools,
  data: GuildData | undefined,
  sid: Id,
  uids: readonly Id[],
): Promise<readonly number[]> {
  if (data === undefined || voiceSettings(data.channels.get(sid)) === undefined) {
    return uids.map(() => 0);
  }
  const members = await Promise.all(uids.map((uid) => data.member(tools.docs, uid)));
  return members.map((member, i) => {
    return member === undefined ? 0 : data.permsOf(uids[i] ?? 0, member, sid);
  });
}

// ---------------------------------------------------------------- acts on others

/** The right that an act needs; what is not here is about somebody. */
const ROOM_RIGHTS: Partial<Record<VoiceAct['kind'], number>> = {
  record: PERM_RECORD,
  play: PERM_PLAY,
};

/** An act is nothing but its record in the audit log: the room carries it out. */
export async function planVoiceAct(
  tools: GuildTools,
  data: GuildData,
  m: { readonly uid: Id; readonly sid: Id; readonly target: Id; readonly act: VoiceAct },
): Promise<Planned<null>> {
  const { act, sid, target } = m;
  const actor = await actorOf(tools, data, m.uid);
  if (!actor.ok) return actor;
  const ofRoom = ROOM_RIGHTS[act.kind];
  const refused = judgeChannel(data, actor, sid, ofRoom ?? PERM_MOVE);
  if (refused !== undefined) return refused;
  if (ofRoom === undefined) {
    const code = await judgeTarget(tools, data, actor, m);
    if (code !== undefined) return code;
  }
  return {
    ok: true,
    writes: [],
    guild: {},
    items: [],
    apply: () => undefined,
    audit: {
      actor: m.uid,
      action: `voice.${act.kind}`,
      target: ofRoom === undefined ? target : sid,
      changes: changesOfAct(sid, act),
    },
    value: null,
  };
}

function judgeChannel(data: GuildData, actor: Actor, sid: Id, needed: number): Refused | undefined {
  const channel = channelFor(data, actor, sid);
  if (voiceSettings(channel) === undefined) return NOT_FOUND;
  return may(data.permsOf(actor.uid, actor.member, sid), needed) ? undefined : FORBIDDEN;
}

async function judgeTarget(
  tools: GuildTools,
  data: GuildData,
  actor: Actor,
  { act, target }: { readonly target: Id; readonly act: VoiceAct },
): Promise<Refused | undefined> {
  const member = await data.member(tools.docs, target);
  if (member === undefined) return NOT_FOUND;
  const position = highestPosition(data.facts, { uid: target, roles: member.roles });
  if (target !== actor.uid && position >= actor.position) return FORBIDDEN;
  if (act.kind !== 'move') return undefined;
  const refused = judgeChannel(data, actor, act.to, PERM_MOVE);
  if (refused !== undefined) return refused;
  return may(data.permsOf(target, member, act.to), PERM_CONNECT) ? undefined : FORBIDDEN;
}

function changesOfAct(sid: Id, act: VoiceAct): readonly AuditChange[] {
  if (act.kind === 'move') return [{ field: 'channel', from: sid, to: act.to }];
  if (act.kind === 'disconnect') return [{ field: 'channel', from: sid, to: null }];
  if (act.kind === 'play') return [{ field: 'file', from: null, to: act.file }];
  const on: AuditChange = { field: 'on', from: null, to: act.on ? 1 : 0 };
  return act.kind === 'record' ? [on] : [{ field: 'channel', from: null, to: sid }, on];
}

// ---------------------------------------------------------------- rooms that watch

interface Watching {
  readonly monitor: MonitorId;
  readonly sids: Set<Id>;
}

/** Who is to hear of changes in voice channels: one watcher per voice thread. Bound: the channels of the guild. */
export class GuildRooms {
  readonly #ctx: Pick<Ctx<unknown>, 'cast' | 'monitor' | 'demonitor'>;
  readonly #watchers = new Map<Ref<VoiceWatcherP>, Watching>();

  constructor(ctx: Pick<Ctx<unknown>, 'cast' | 'monitor' | 'demonitor'>) {
    this.#ctx = ctx;
  }

  get isIdle(): boolean {
    return this.#watchers.size === 0;
  }

  watch(sid: Id, watcher: Ref<VoiceWatcherP>): void {
    const known = this.#watchers.get(watcher);
    if (known !== undefined) known.sids.add(sid);
    else {
      const monitor = this.#ctx.monitor(watcher);
      this.#watchers.set(watcher, { monitor, sids: new Set([sid]) });
    }
  }

  unwatch(sid: Id, watcher: Ref<VoiceWatcherP>): void {
    const known = this.#watchers.get(watcher);
    if (known === undefined) return;
    known.sids.delete(sid);
    if (known.sids.size > 0) return;
    this.#watchers.delete(watcher);
    this.#ctx.demonitor(known.monitor);
  }

  /** True when it was the end of a watcher. */
  down(monitor: MonitorId): boolean {
    for (const [watcher, known] of this.#watchers) {
      if (known.monitor !== monitor) continue;
      this.#watchers.delete(watcher);
      return true;
    }
    return false;
  }

  /** Rights of these users changed. */
  rights({ uids, sids }: RightsChange): void {
    const whom = uids === 'all' ? [0] : uids;
    this.#tell((sid) => (sids === 'all' || sids.includes(sid) ? whom : []));
  }

  /** Channels are others than before; `now` undefined: the guild is gone. */
  channels(
    before: ReadonlyMap<Id, ChannelDoc>,
    now: ReadonlyMap<Id, ChannelDoc> | undefined,
  ): void {
    this.#tell((sid) => {
      const channel = now?.get(sid);
      const isSame = channel !== undefined && channel.voice === before.get(sid)?.voice;
      return isSame ? [] : [0];
    });
  }

  #tell(whom: (sid: Id) => readonly Id[]): void {
    for (const [watcher, { sids }] of this.#watchers) {
      for (const sid of sids) {
        for (const uid of whom(sid)) this.#ctx.cast(watcher, 'voiceChanged', { sid, uid });
      }
    }
  }
}
