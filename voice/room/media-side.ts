/**
 * A room's place in the media workers: opened when somebody joins, opened again (a new epoch) when its worker dies, closed some
 * time after the last one left. Numbers everything that a client may name. Part of the room actor.
 */
import type { Id } from '../../channels/index.ts';
import type { Ms } from '../../runtime/index.ts';
import type { JsonText } from '../types.ts';
import type {
  MediaPool,
  MediaProducer,
  MediaResult,
  MediaTransport,
  QualityAdvice,
  RoomMedia,
  RoomMediaEvents,
} from '../worker/types.ts';
import { Gate } from './gate.ts';

export interface MediaSettings {
  readonly people: number;
  readonly bitrate: number;
  readonly music: boolean;
}

/** What the room does about what its media tells. */
export interface MediaSideHooks {
  /** Everything is gone; the next epoch has begun. */
  died(): void;
  levels(levels: Parameters<RoomMediaEvents['levels']>[0]): void;
  dominant(producer: MediaProducer): void;
  advice(transport: MediaTransport, advice: QualityAdvice): void;
  excess(producer: MediaProducer): void;
  mustRelocate(): void;
  relocated(): void;
}

export interface MediaSidePorts {
  readonly sid: Id;
  readonly pool: () => MediaPool;
  readonly settings: () => MediaSettings;
  readonly hooks: MediaSideHooks;
  /** Ties a callback to the actor's life. */
  wrap<A extends readonly unknown[]>(callback: (...args: A) => void): (...args: A) => void;
}

/** Smaller rooms have no observers: in calls of two they cost 8 % of the worker (peers.md B2). */
const OBSERVED_FROM = 3;
const RETRY_MS: Ms = 500;
/** More would keep the worker no busier, and make those in front wait for those behind them. */
const EQUIPPED_AT_ONCE = 2;

export class MediaSide {
  /** Members whose media are made all at once. */
  readonly equipping = new Gate(EQUIPPED_AT_ONCE);
  readonly #ports: MediaSidePorts;
  #media: RoomMedia | undefined;
  #opening: Promise<MediaResult<RoomMedia>> | undefined;
  /** Of what is open or being opened; what another one tells is not heard. */
  #life: object | undefined;
  #epoch = 1;
  #lastId = 0;
  #caps: JsonText = '';
  #isObserved = false;

  constructor(ports: MediaSidePorts) {
    this.#ports = ports;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** undefined before the first join, and between two epochs. */
  get media(): RoomMedia | undefined {
    return this.#media;
  }

  /** What clients load into their device; '' without media. */
  get caps(): JsonText {
    return this.#caps;
  }

  /** For a transport, producer or consumer: never twice in the life of the room. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** The media of the present epoch, opened if need be; at once when it is there. */
  open(): Promise<MediaResult<RoomMedia>> {
    if (this.#media !== undefined) return Promise.resolve({ ok: true, value: this.#media });
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** So many are here now. */
  setPeople(people: number): void {
    const isObserved = people >= OBSERVED_FROM;
    if (isObserved === this.#isObserved) return;
    this.#isObserved = isObserved;
    void this.#media?.observe(isObserved);
  }

  configure(settings: { readonly bitrate: number; readonly music: boolean }): void {
    this.#media?.configure(settings);
  }

  /** Closes all handles; the next `open` begins anew, in the same epoch: nobody is here who knows it. */
  close(): void {
    const media = this.#media;
    this.#forget();
    media?.close();
  }

  async #open(): Promise<MediaResult<RoomMedia>> {
    const life = {};
    this.#life = life;
    const { sid, pool, settings } = this.#ports;
    const opened = await pool().open({ key: sid, ...settings(), events: this.#events(life) });
    if (this.#life !== life) {
      if (opened.ok) opened.value.close();
      return { ok: false, code: 'gone', message: 'the room has closed, or the worker died' };
    }
    this.#opening = undefined;
    if (!opened.ok) return { retryMs: RETRY_MS, ...opened };
    this.#media = opened.value;
    this.#caps = JSON.stringify(opened.value.routerCaps);
    if (this.#isObserved) void opened.value.observe(true);
    return opened;
  }

  #forget(): void {
    this.#media = undefined;
    this.#opening = undefined;
    this.#life = undefined;
  }

  #events(life: object): RoomMediaEvents {
    const { hooks, wrap } = this.#ports;
    const present = <A extends readonly unknown[]>(hook: (...args: A) => void) =>
      wrap((...args: A): void => {
        if (this.#life === life) hook(...args);
      });
    return {
      died: present(() => {
        this.#forget();
        this.#epoch += 1;
        hooks.died();
      }),
      transport: ignore,
      live: ignore,
      levels: present((levels) => hooks.levels(levels)),
      dominant: present((producer) => hooks.dominant(producer)),
      advice: present((transport, advice) => hooks.advice(transport, advice)),
      excess: present((producer) => hooks.excess(producer)),
      mustRelocate: present(() => hooks.mustRelocate()),
      relocated: present(() => hooks.relocated()),
    };
  }
}

/** Clients see the state of their transports themselves. */
function ignore(): void {}
