/**
 * RNNoise from @jitsi/rnnoise-wasm without its loader: compiles the module at once, which an AudioWorklet may do, and cleans one
 * frame of 10 ms at a time. Browser audio thread; Node in tests.
 */

/** Samples of one frame at 48 kHz. */
export const NOISE_FRAME = 480;

/** The names that its linker gave to what it exports (dist/rnnoise.js of version 0.2.1). */
interface NoiseExports {
  readonly c: WebAssembly.Memory;
  /** Constructors. */
  d(): void;
  /** rnnoise_create */
  f(model: number): number;
  /** malloc */
  g(bytes: number): number;
  /** rnnoise_process_frame */
  j(state: number, output: number, input: number): number;
}

const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** It computes in the range of 16 bit samples. */
const SCALE = 32_768;

/** One voice being cleaned. Its memory (16 MB) goes with the object. */
export class NoiseSuppressor {
  readonly #wasm: NoiseExports;
  readonly #state: number;
  readonly #frame: number;

  /** @param module content of rnnoise.wasm */
  constructor(module: BufferSource) {
    let memory: WebAssembly.Memory | null = null;
    const imports = {
      // Both are asked for memory only; a frame needs none beyond what there is from the start.
      a: {
        a: () => 0,
        b: (to: number, from: number, count: number) => {
          if (memory !== null) new Uint8Array(memory.buffer).copyWithin(to, from, from + count);
        },
      },
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module), imports);
    this.#wasm = instance.exports as unknown as NoiseExports;
    memory = this.#wasm.c;
    this.#wasm.d();
    this.#state = this.#wasm.f(0);
    this.#frame = this.#wasm.g(NOISE_FRAME * BYTES);
  }

  /**
   * Cleans a frame in place.
   * @param samples 480 samples of -1 to 1
   * @returns how likely it is speech, 0 to 1
   */
  clean(samples: Float32Array): number {
    const heap = new Float32Array(this.#wasm.c.buffer, this.#frame, NOISE_FRAME);
    for (let i = 0; i < NOISE_FRAME; i += 1) heap[i] = (samples[i] as number) * SCALE;
    const speech = this.#wasm.j(this.#state, this.#frame, this.#frame);
    for (let i = 0; i < NOISE_FRAME; i += 1) samples[i] = (heap[i] as number) / SCALE;
    return speech;
  }
}
