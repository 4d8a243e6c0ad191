/**
 * A room as its actor holds it: members, media, who hears whom, who speaks, rights and settings, and what follows when one of
 * them changes. The roster and the media are of this one actor, so nobody is heard who is not shown. Ops of clients are in
 * `joins.ts`, `media-ops.ts`, `member-ops.ts` and `moderation.ts`; `actor.ts` ties them together. Runs on a voice thread.
 */
import type { Id } from '../../channels/index.ts';
import type { AnyRef, Ctx, MonitorId, Ms, Ref } from '../../runtime/index.ts';
import {
  type ConsumerId,
  type EndReason,
  PART_RECORDING,
  type Participant,
  type RoomP,
  VOICE_ENDED,
  VOICE_EPOCH,
  VOICE_LEFT,
  VOICE_PRODUCER_CLOSED,
  VOICE_QUALITY,
  VOICE_RECORDING,
  VOICE_RELOCATE,
  VOICE_STATE,
  type VoiceOutP,
  type VoiceSettings,
  type Vsid,
} from '../types.ts';
import type { MediaProducer, MediaTransport, QualityAdvice } from '../worker/types.ts';
import { MediaSide, type MediaSideHooks } from './media-side.ts';
import { type Member, type Producer, participantOf, type Transport } from './member.ts';
import { RoomPlayback } from './playback.ts';
import { maySpeak, refusal, type Sanction } from './policy.ts';
import type { RoomArg, RoomEnvironment, VoiceCounters } from './ports.ts';
import { RoomRecording } from './recording.ts';
import type { RoomStatus } from './registry.ts';
import { Rights } from './rights.ts';
import { Roster } from './roster.ts';
import type { Sanctions } from './sanctions.ts';
import { Speech } from './speech.ts';
import { Wiring } from './wiring.ts';

/** Ops that the actor sends to itself. */
export interface RoomActorP extends RoomP {
  /** A lost connection did not come back. */
  expired(vsid: Vsid): void;
  /** Nobody is here for a while. */
  emptied(): void;
  /** A consumer that a member does not know of. */
  offer(m: { readonly vsid: Vsid; readonly cid: ConsumerId }): void;
  /** Who speaks may have changed. */
  speaking(): void;
  /** Asks the guild once more. */
  askAgain(): void;
  /** What was not moved to the new worker in time. */
  relocationOver(): void;
  /** A new epoch has begun. */
  renew(): void;
}

export type RoomCtx = Ctx<RoomActorP>;

/** voice.md 6: what a room does until its channel's settings are known, which is before the first join. */
const SETTINGS: VoiceSettings = { bitrate: 40_000, userLimit: 0, mode: 'open', e2e: 0 };
/** Clients make their new transports within a second; a browser that sleeps does not. */
const RELOCATION_MS: Ms = 10_000;

export class Room {
  readonly sid: Id;
  readonly environment: RoomEnvironment;
  readonly ctx: RoomCtx;
  readonly roster: Roster;
  readonly media: MediaSide;
  readonly wiring: Wiring;
  readonly rights: Rights;
  readonly sanctions: Sanctions;
  readonly speech: Speech;
  readonly recording: RoomRecording;
  readonly playback: RoomPlayback;
  /** Joins under way, by session: a second one of a session waits for the first. */
  readonly joining = new Map<string, Promise<unknown>>();
  /** Not in the roster yet, while their media are made; their places are taken. */
  readonly coming = new Set<Member>();
  settings: VoiceSettings = SETTINGS;
  readonly #gateways = new Map<AnyRef, MonitorId>();
  #isRelocating = false;

  constructor(ctx: RoomCtx, { sid, environment }: RoomArg, sanctions: Sanctions) {
    this.sid = sid;
    this.environment = environment;
    this.ctx = ctx;
    this.sanctions = sanctions;
    const { counters, clock, guilds, limits, pool } = environment;
    const wrap: Wrap = (callback) => ctx.wrap(callback);
    const beside = (work: Promise<unknown>): void => runBeside(ctx, work);
    this.roster = new Roster({
      counters,
      cast: (gateway, event) => ctx.cast(gateway, 'voice', event),
    });
    this.media = new MediaSide({
      ...{ sid, pool, wrap, hooks: this.#hooks() },
      settings: () => ({ ...mediaSettings(this.settings), people: this.roster.size + 1 }),
    });
    this.wiring = new Wiring({
      ...{ limits, counters, beside },
      members: () => [...this.roster.all(), ...this.coming],
      mode: () => this.settings.mode,
      nextId: () => this.media.nextId(),
      nowMs: () => clock.monotonic(),
      tell: (member, kind, body) => this.roster.tell(member, kind, body),
      added: ({ handle, owner }) => this.recording.added(owner.uid, handle),
      removed: ({ handle }) => this.recording.removed(handle),
    });
    this.recording = new RoomRecording({
      ...{ sid, audio: environment.audio, wrap, beside },
      media: () => this.media.media,
      speakers: () => [...this.wiring.producers()].map(speakerOf),
      isEncrypted: () => this.settings.e2e > 0,
      told: (on, by) => this.roster.tellAll(VOICE_RECORDING, [on, by]),
    });
    this.playback = new RoomPlayback({
      ...{ sid, audio: environment.audio, wrap, beside },
      open: () => this.media.open(),
      isEncrypted: () => this.settings.e2e > 0,
      isEmpty: () => this.roster.size === 0,
      nextId: () => this.media.nextId(),
      add: (producer) => this.wiring.add(producer),
      remove: (producer) => this.wiring.remove(producer),
      tellAll: (kind, body) => this.roster.tellAll(kind, body),
    });
    this.speech = new Speech({
      wiring: this.wiring,
      nowMs: () => clock.monotonic(),
      tellAll: (kind, body) => this.roster.tellAll(kind, body),
      isAwaited: () => ctx.readTimer('speaking') !== false,
      tellAfter: (ms) => ctx.timer('speaking', ms, 'speaking'),
    });
    this.rights = new Rights({
      ...{ sid, guilds, wrap, beside },
      members: () => [...this.roster.all()].map(({ uid }) => uid),
      settled: (settings) => this.#settled(settings),
      judged: (uid, perms) => this.#judged(uid, perms),
      gone: () => this.endAll('channel_deleted'),
      retryAfter: (ms) => ctx.timer('rights', ms, 'askAgain'),
    });
    environment.registry.began({
      ...{ sid, ref: ctx.self, status: () => this.#status() },
      closeMedia: () => this.media.close(),
    });
  }

  get counters(): VoiceCounters {
    return this.environment.counters;
  }

  get isRelocating(): boolean {
    return this.#isRelocating;
  }

  /** People here and on their way in. */
  get people(): number {
    return this.roster.size + this.joining.size;
  }

  /** Whether nothing would be lost if the actor slept. */
  get isIdle(): boolean {
    return this.people === 0 && this.media.media === undefined;
  }

  participants(): Participant[] {
    const people = [...this.roster.all()];
    const shown = people.map((member) => participantOf(member, this.flagsOf(member)));
    return [...shown, ...this.playback.participants()];
  }

  /** As others see it. */
  flagsOf(member: Member): number {
    return member.flags(this.settings.mode) | (this.recording.by === 0 ? 0 : PART_RECORDING);
  }

  // -------------------------------------------------------------- members

  /** Somebody is here now, or was and is back. */
  welcome(member: Member): void {
    this.roster.add(member);
    this.attend(member.gateway);
    this.ctx.cancel('emptied');
    this.#counted();
  }

  /** Monitors a gateway thread's actor: when it ends, its members have lost their connections. */
  attend(gateway: Ref<VoiceOutP>): void {
    if (!this.#gateways.has(gateway)) this.#gateways.set(gateway, this.ctx.monitor(gateway));
  }

  /** Ends a membership that its client is told of; the others hear that it left. */
  end(member: Member, reason: EndReason): void {
    this.roster.tell(member, VOICE_ENDED, [reason]);
    this.remove(member);
  }

  endAll(reason: EndReason): void {
    for (const member of [...this.roster.all()]) {
      this.counters.removed += 1;
      this.end(member, reason);
    }
  }

  /** Ends a membership and closes all that it had, in the same turn. */
  remove(member: Member): void {
    member.isGone = true;
    this.roster.delete(member);
    this.ctx.cancel(`lost ${member.vsid}`);
    this.#closeMedia(member);
    this.speech.delete(member.uid);
    this.roster.tellAll(VOICE_LEFT, [member.uid]);
    this.#leaveGateway(member.gateway);
    this.#counted();
    if (this.roster.size > 0) return;
    this.recording.end();
    this.playback.end();
    this.ctx.timer('emptied', this.environment.limits.emptyMs, 'emptied');
  }

  /** The connection of a member went; media goes on for a time. */
  lose(member: Member): void {
    if (member.isLost) return;
    member.isLost = true;
    this.roster.rewire();
    this.setTalking(member, false);
    this.ctx.timer(`lost ${member.vsid}`, this.environment.limits.lostMs, 'expired', member.vsid);
  }

  /** A member's connection is back, maybe on another gateway thread. */
  recover(member: Member, gateway: Ref<VoiceOutP>, connNo: number): void {
    const before = member.gateway;
    member.gateway = gateway;
    member.connNo = connNo;
    member.isLost = false;
    this.roster.rewire();
    this.attend(gateway);
    if (before !== gateway) this.#leaveGateway(before);
    this.ctx.cancel(`lost ${member.vsid}`);
  }

  gatewayDown(monitor: MonitorId): void {
    for (const [gateway, id] of this.#gateways) {
      if (id !== monitor) continue;
      this.#gateways.delete(gateway);
      for (const member of this.roster.all()) if (member.gateway === gateway) this.lose(member);
    }
  }

  /** Nobody came for a time: gives back the media, and hears no more of the channel. */
  sleep(): void {
    if (this.people > 0) return;
    this.media.close();
    this.wiring.clear();
    this.rights.unwatch();
    this.#isRelocating = false;
  }

  /** The actor ends. */
  close(reason: EndReason): void {
    this.endAll(reason);
    this.recording.end();
    this.playback.end();
    this.media.close();
    this.rights.unwatch();
    this.environment.registry.ended(this.sid, this.ctx.self);
  }

  // -------------------------------------------------------------- what members are

  /** Tells what a member is now, and does what follows for its media. */
  changed(member: Member): void {
    const flags = this.flagsOf(member);
    this.roster.tellAll(VOICE_STATE, [member.uid, member.isMuted, member.isDeaf, flags]);
    this.enforce(member);
  }

  /** Brings a member's media in line with what it may and wants. */
  enforce(member: Member): void {
    if (!maySpeak(member, this.settings.mode)) this.#closeProducers(member);
    this.wiring.judge(member);
    this.wiring.rewire(member);
    this.speech.show(member);
  }

  /** The edge that a client reports: the key of push-to-talk, the ring of its avatar. */
  setTalking(member: Member, on: boolean): void {
    if (member.isTalking === on) return;
    member.isTalking = on;
    this.wiring.judge(member);
    this.speech.show(member);
  }

  /** A moderator's decision. */
  sanction(uid: Id, change: Partial<Sanction>): void {
    const sanction = this.sanctions.set(uid, change, (id) => this.roster.ofUser(id) !== undefined);
    const member = this.roster.ofUser(uid);
    this.ctx.snapshot();
    if (member === undefined) return;
    member.sanction = sanction;
    if (sanction.speaker) member.hasHandUp = false;
    if (change.priority !== undefined) this.wiring.prioritize(member);
    this.changed(member);
  }

  // -------------------------------------------------------------- media of members

  closeTransport(member: Member, transport: Transport): void {
    transport.handle.close();
    member.transports.delete(transport.tid);
    this.wiring.forgetTransport(member, transport);
    for (const producer of member.producers.values()) {
      if (producer.tid === transport.tid) this.closeProducer(producer);
    }
  }

  /** Closes it for everybody, who hear of it. */
  closeProducer(producer: Producer): void {
    this.wiring.remove(producer);
    this.roster.tellAll(VOICE_PRODUCER_CLOSED, [producer.pid]);
    this.speech.show(producer.owner);
  }

  /** Everything of a member, as at the end of it. */
  dropMedia(member: Member): void {
    for (const transport of [...member.transports.values()]) {
      this.closeTransport(member, transport);
    }
  }

  // -------------------------------------------------------------- a planned move

  /** What members have not moved by now ends with the old worker; they begin a new epoch of their own by joining again. */
  relocationOver(): void {
    this.#isRelocating = false;
    for (const member of this.roster.all()) this.#closeOldTransports(member);
  }

  // -------------------------------------------------------------- inside

  #status(): RoomStatus {
    const { media, roster, settings, sid, speech, wiring } = this;
    return {
      ...{ sid, people: roster.size, producers: wiring.size, consumers: wiring.consumers },
      ...{ epoch: media.epoch, mode: settings.mode, speakers: speech.size },
      workers: media.media?.figures().slots ?? [],
    };
  }

  #hooks(): MediaSideHooks {
    return {
      died: () => this.#died(),
      levels: (levels) => this.speech.heard(levels),
      dominant: (handle) => this.speech.elected(handle),
      advice: (transport, advice) => this.#advise(transport, advice),
      excess: (handle) => this.#excess(handle),
      mustRelocate: () => this.#relocate(),
      relocated: () => {
        this.#isRelocating = false;
      },
    };
  }

  /** The worker died: memberships stay, everybody makes new transports, on a worker that is asked for now. */
  #died(): void {
    this.counters.epochs += 1;
    this.recording.mediaDied();
    this.wiring.clear();
    this.#isRelocating = false;
    for (const member of this.roster.all()) member.isTalking = false;
    if (this.roster.size === 0) return;
    runBeside(this.ctx, this.media.open());
    this.roster.tellAll(VOICE_EPOCH, [this.media.epoch]);
    this.ctx.cast(this.ctx.self, 'renew');
    this.speech.clear();
    this.playback.mediaDied();
  }

  #advise({ owner }: MediaTransport, advice: QualityAdvice): void {
    const member = this.roster.ofVsid(owner);
    if (member !== undefined) this.roster.tell(member, VOICE_QUALITY, [JSON.stringify(advice)]);
  }

  #excess(handle: MediaProducer): void {
    const producer = this.wiring.ofHandle(handle);
    if (producer === undefined) return;
    this.counters.excesses += 1;
    this.closeProducer(producer);
  }

  #relocate(): void {
    const { media } = this.media;
    if (media === undefined || this.#isRelocating) return;
    this.#isRelocating = true;
    this.counters.relocations += 1;
    const moved = media.relocate().then((result) => {
      if (!result.ok || this.media.media !== media) {
        this.#isRelocating = false;
        return;
      }
      this.roster.tellAll(VOICE_RELOCATE, []);
      this.playback.mediaMoved();
      this.ctx.timer('relocation', RELOCATION_MS, 'relocationOver');
    });
    runBeside(this.ctx, moved);
  }

  #closeOldTransports(member: Member): void {
    for (const direction of ['send', 'receive'] as const) {
      for (const old of member.transportsOf(direction).slice(0, -1)) {
        this.closeTransport(member, old);
      }
    }
  }

  #settled(settings: VoiceSettings): void {
    const before = this.settings;
    this.settings = settings;
    this.media.configure(mediaSettings(settings));
    if (settings.e2e > 0) {
      this.recording.end();
      this.playback.end();
    }
    for (const member of [...this.roster.all()]) {
      if (member.e2e < settings.e2e) {
        this.counters.removed += 1;
        this.end(member, 'e2e_required');
      } else if (before.mode !== settings.mode) {
        const isShown = member.flags(before.mode) !== member.flags(settings.mode);
        if (isShown) this.changed(member);
        else this.enforce(member);
      }
    }
  }

  /** The guild said what a user may do now. */
  #judged(uid: Id, perms: number): void {
    const member = this.roster.ofUser(uid);
    if (member === undefined || member.perms === perms) return;
    const before = this.flagsOf(member);
    member.perms = perms;
    if (refusal(perms) !== undefined) {
      this.counters.removed += 1;
      this.end(member, 'forbidden');
    } else if (before !== this.flagsOf(member)) this.changed(member);
    else this.enforce(member);
  }

  #closeProducers(member: Member): void {
    for (const producer of [...member.producers.values()]) this.closeProducer(producer);
  }

  /** Without a word: that a member left says it all. */
  #closeMedia(member: Member): void {
    for (const producer of [...member.producers.values()]) this.wiring.remove(producer);
    for (const transport of [...member.transports.values()]) {
      transport.handle.close();
      member.transports.delete(transport.tid);
      this.wiring.forgetTransport(member, transport);
    }
  }

  #leaveGateway(gateway: Ref<VoiceOutP>): void {
    const monitor = this.#gateways.get(gateway);
    if (monitor === undefined) return;
    for (const member of this.roster.all()) if (member.gateway === gateway) return;
    this.#gateways.delete(gateway);
    this.ctx.demonitor(monitor);
  }

  /** So many are here now. */
  #counted(): void {
    this.media.setPeople(this.roster.size);
    this.wiring.setPeople(this.roster.size);
  }
}

type Wrap = <A extends readonly unknown[]>(callback: (...args: A) => void) => (...args: A) => void;

function speakerOf({ handle, owner }: Producer): {
  readonly uid: Id;
  readonly handle: MediaProducer;
} {
  return { uid: owner.uid, handle };
}

function mediaSettings({ bitrate, mode }: VoiceSettings): { bitrate: number; music: boolean } {
  return { bitrate, music: mode === 'music' };
}

/** Work that nobody waits for: its failure is the actor's. */
export function runBeside(ctx: RoomCtx, work: Promise<unknown>): void {
  ctx.guard(work).catch(ignoreGuarded);
}

/** `guard` has made the failure the actor's own already. */
function ignoreGuarded(): void {}
