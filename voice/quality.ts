/**
 * What a speaker's encoder should do, from sampled loss. Pure: samples in, advice out.
 *
 * A bad uplink (more than 5 % lost in two samples, or 15 % in one) steps down at once, 20 s without loss step up again. Listeners'
 * losses do not lower anybody's bitrate; but when more than a quarter of them suffer for 6 s, speakers are asked for forward error
 * correction, which their encoders would not begin by themselves: the reports they see end at the worker (voice.md 6).
 */
import type { Ms } from '../runtime/index.ts';

/** What an encoder should do; as in VOICE_QUALITY. */
export interface Advice {
  /** bit/s. */
  readonly maxBitrate: number;
  readonly ptime: 20 | 40;
  readonly dtx: boolean;
  readonly fec: boolean;
}

export interface QualitySettings {
  /** bit/s, the channel's. */
  readonly bitrate: number;
  readonly music: boolean;
}

const LOSS_BAD = 0.05;
const LOSS_SEVERE = 0.15;
const LOSS_GOOD = 0.02;
const BAD_SAMPLES = 2;
const UP_AFTER_MS = 20_000;
const SUFFER_AFTER_MS = 6_000;
const SUFFERING_ON = 0.25;
/** Below this share the correction ends: it costs bitrate, and must not flicker. */
const SUFFERING_OFF = 0.1;

/** Steps below the channel's bitrate. Music keeps its frames and gives up bitrate only. */
const VOICE_STEPS = [
  { bitrate: Number.POSITIVE_INFINITY, ptime: 20 },
  { bitrate: 24_000, ptime: 20 },
  { bitrate: 16_000, ptime: 40 },
] as const;
const MUSIC_SHARES = [1, 0.6, 0.35] as const;

/** One speaker's uplink. */
export class UplinkQuality {
  #settings: QualitySettings;
  #step: 0 | 1 | 2 = 0;
  #bad = 0;
  #goodSince: Ms | null = null;
  #fec = false;
  #told: Advice;

  constructor(settings: QualitySettings) {
    this.#settings = settings;
    this.#told = this.#advice();
  }

  /** @returns what changed, null when nothing did */
  sample(loss: number, at: Ms): Advice | null {
    if (loss > LOSS_BAD) {
      this.#goodSince = null;
      this.#bad += 1;
      if (this.#bad >= BAD_SAMPLES || loss > LOSS_SEVERE) {
        this.#bad = 0;
        this.#move(1);
      }
      return this.#changed();
    }
    this.#bad = 0;
    if (loss > LOSS_GOOD) this.#goodSince = null;
    else if (this.#goodSince === null) this.#goodSince = at;
    else if (at - this.#goodSince >= UP_AFTER_MS) {
      this.#goodSince = at;
      this.#move(-1);
    }
    return this.#changed();
  }

  setFec(on: boolean): Advice | null {
    this.#fec = on;
    return this.#changed();
  }

  configure(settings: QualitySettings): Advice | null {
    this.#settings = settings;
    return this.#changed();
  }

  #move(by: 1 | -1): void {
    const next = this.#step + by;
    if (next === 0 || next === 1 || next === 2) this.#step = next;
  }

  #changed(): Advice | null {
    const advice = this.#advice();
    const told = this.#told;
    const isSame =
      advice.maxBitrate === told.maxBitrate &&
      advice.ptime === told.ptime &&
      advice.dtx === told.dtx &&
      advice.fec === told.fec;
    if (isSame) return null;
    this.#told = advice;
    return advice;
  }

  #advice(): Advice {
    const { bitrate, music } = this.#settings;
    if (music) {
      const maxBitrate = Math.round(bitrate * MUSIC_SHARES[this.#step]);
      return { maxBitrate, ptime: 20, dtx: false, fec: this.#fec };
    }
    const { bitrate: most, ptime } = VOICE_STEPS[this.#step];
    return { maxBitrate: Math.min(bitrate, most), ptime, dtx: true, fec: this.#fec };
  }
}

/** One listener's downlink: does it suffer? */
export class DownlinkQuality {
  #since: Ms | null = null;
  #suffers = false;

  get suffers(): boolean {
    return this.#suffers;
  }

  /** @returns whether `suffers` changed: it takes 6 s of the other state, either way */
  sample(loss: number, at: Ms): boolean {
    const isBad = loss > LOSS_BAD;
    if (isBad === this.#suffers) {
      this.#since = null;
      return false;
    }
    this.#since ??= at;
    if (at - this.#since < SUFFER_AFTER_MS) return false;
    this.#suffers = isBad;
    this.#since = null;
    return true;
  }
}

/** Whether a room's speakers should correct errors, given how many of its listeners suffer. */
export function wantsFec(isOn: boolean, suffering: number, listeners: number): boolean {
  if (listeners === 0) return false;
  const share = suffering / listeners;
  return isOn ? share > SUFFERING_OFF : share > SUFFERING_ON;
}

/** Share of the packets of an interval that did not come, or had to be asked for again. */
export function lossOf(received: number, lost: number, asked: number): number {
  const expected = received + Math.max(0, lost);
  if (expected <= 0) return 0;
  return Math.min(1, Math.max(lost, asked, 0) / expected);
}
