/**
 * What happens to the microphone before the encoder: noise suppression, then the gate (open, by voice, or by a key). Plain
 * arithmetic on blocks of samples with 10 ms of delay; runs in the AudioWorklet (mic-worklet.ts), in Node in tests.
 */

/** 10 ms at 48 kHz. */
const FRAME = 480;

/** `voice`: opens by itself when somebody speaks. `key`: while `isHeld`. */
export type TalkMode = 'open' | 'voice' | 'key';

/** How the chain works; may change at any time. */
export interface MicSettings {
  readonly isNoiseOff: boolean;
  readonly mode: TalkMode;
  /** Push-to-talk key. */
  readonly isHeld: boolean;
  readonly isMuted: boolean;
  /** Level from which it is a voice, dBFS. */
  readonly thresholdDb: number;
}

/** What it hears. */
export interface MicReport {
  /** RMS of the last 10 ms behind the noise suppression, dBFS, at least -100. */
  readonly levelDb: number;
  /** Whether it goes out. */
  readonly isOpen: boolean;
}

/** Cleans 480 samples in place and says how likely they are speech. */
export type CleanFrame = (samples: Float32Array) => number;

export const MIC_DEFAULTS: MicSettings = {
  isNoiseOff: false,
  mode: 'voice',
  isHeld: false,
  isMuted: false,
  thresholdDb: -50,
};

/** The gate stays open after the last voice: pauses between words are part of speech. */
const HOLD_FRAMES = 30;
/** The suppressor must agree that it is speech; low, for its own output decides what is heard. */
const SPEECH_MIN = 0.3;
const CLOSE_FRAMES = 5;
const REPORT_FRAMES = 5;
const SILENCE_DB = -100;

/** The chain of one microphone. */
export class MicChain {
  readonly #clean: CleanFrame | null;
  readonly #report: (report: MicReport) => void;
  readonly #frame = new Float32Array(FRAME);
  readonly #done = new Float32Array(FRAME);
  #at = 0;
  #settings = MIC_DEFAULTS;
  #gain = 0;
  #holdLeft = 0;
  #isOpen = false;
  #frames = 0;

  /**
   * @param clean the noise suppression, null for none
   * @param report told 20 times a second and whenever the gate moves
   */
  constructor(clean: CleanFrame | null, report: (report: MicReport) => void) {
    this.#clean = clean;
    this.#report = report;
  }

  set settings(settings: MicSettings) {
    this.#settings = settings;
  }

  /** One block: `output` gets what came in 480 samples before, processed. */
  process(input: Float32Array, output: Float32Array): void {
    for (let i = 0; i < output.length; i += 1) {
      output[i] = this.#done[this.#at] as number;
      this.#frame[this.#at] = input[i] ?? 0;
      this.#at += 1;
      if (this.#at === FRAME) {
        this.#at = 0;
        this.#turn();
      }
    }
  }

  #turn(): void {
    const { isNoiseOff } = this.#settings;
    const speech = isNoiseOff || this.#clean === null ? null : this.#clean(this.#frame);
    const levelDb = rmsDb(this.#frame);
    const wasOpen = this.#isOpen;
    this.#isOpen = this.#decide(levelDb, speech);
    this.#fade();
    this.#frames += 1;
    if (this.#isOpen !== wasOpen || this.#frames % REPORT_FRAMES === 0) {
      this.#report({ levelDb, isOpen: this.#isOpen });
    }
  }

  #decide(levelDb: number, speech: number | null): boolean {
    const { mode, isMuted, isHeld, thresholdDb } = this.#settings;
    if (isMuted) return false;
    if (mode !== 'voice') return mode === 'open' || isHeld;
    const isVoice = levelDb >= thresholdDb && (speech === null || speech >= SPEECH_MIN);
    this.#holdLeft = isVoice ? HOLD_FRAMES : Math.max(0, this.#holdLeft - 1);
    return this.#holdLeft > 0;
  }

  /** Opens within the frame, closes over five: neither clicks, and no first sound is lost. */
  #fade(): void {
    const target = this.#isOpen ? 1 : 0;
    const step = this.#isOpen ? 1 / FRAME : 1 / (FRAME * CLOSE_FRAMES);
    for (let i = 0; i < FRAME; i += 1) {
      const away = target - this.#gain;
      this.#gain += Math.max(-step, Math.min(step, away));
      this.#done[i] = (this.#frame[i] as number) * this.#gain;
    }
  }
}

function rmsDb(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.max(SILENCE_DB, 10 * Math.log10(sum / samples.length + 1e-12));
}
