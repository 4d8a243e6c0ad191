/**
 * The AudioWorklet of the microphone: MicChain with RNNoise. A bundle of its own, loaded by audioWorklet.addModule; runs on the
 * browser's audio thread, must never wait or allocate much. Messages in: MicSettings. Messages out: MicReport.
 */
import noiseModule from '@jitsi/rnnoise-wasm/dist/rnnoise.wasm';
import { type CleanFrame, MicChain, type MicSettings } from './mic-chain.ts';
import { MIC_PROCESSOR } from './mic-processor-name.ts';
import { NoiseSuppressor } from './rnnoise.ts';

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, type: new () => AudioWorkletProcessor): void;

class MicProcessor extends AudioWorkletProcessor {
  readonly #chain: MicChain;
  #isOver = false;

  constructor() {
    super();
    this.#chain = new MicChain(suppressor(), (report) => this.port.postMessage(report));
    this.port.onmessage = ({ data }: { readonly data: MicSettings | 'end' }) => {
      if (data === 'end') this.#isOver = true;
      else this.#chain.settings = data;
    };
  }

  /** Called by the browser with blocks of 128 samples; false lets it forget this processor. */
  process([input]: readonly Float32Array[][], [output]: readonly Float32Array[][]): boolean {
    const [to] = output ?? [];
    if (to !== undefined) this.#chain.process(input?.[0] ?? NOTHING, to);
    return !this.#isOver;
  }
}

const NOTHING = new Float32Array(0);

/** Null where WebAssembly is not to be had (a strict policy of the embedding page): the voice goes out as it is. */
function suppressor(): CleanFrame | null {
  try {
    const noise = new NoiseSuppressor(noiseModule);
    return (samples) => noise.clean(samples);
  } catch {
    return null;
  }
}

registerProcessor(MIC_PROCESSOR, MicProcessor);
