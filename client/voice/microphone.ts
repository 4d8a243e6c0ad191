/**
 * The microphone of this device: getUserMedia, then the worklet (noise suppression, gate), then a track for the encoder. Browser
 * main thread. The track stays the same when the device changes, so that nothing is negotiated anew.
 */
import { VoiceError } from './errors.ts';
import { MIC_DEFAULTS, type MicReport, type MicSettings } from './mic-chain.ts';
import { MIC_PROCESSOR } from './mic-processor-name.ts';

/** Options of openMicrophone. */
export interface MicrophoneOptions {
  readonly context: AudioContext;
  /** Address of the bundled mic-worklet.ts. */
  readonly workletUrl: string;
  /** From enumerateDevices; default: the system's choice. */
  readonly deviceId?: string;
  readonly settings?: Partial<MicSettings>;
  /** Level and gate, 20 times a second. */
  readonly report?: (report: MicReport) => void;
  /** The device went away or was taken. */
  readonly lost?: () => void;
}

/** An open microphone. */
export interface Microphone {
  /** What is sent. */
  readonly track: MediaStreamTrack;
  readonly settings: MicSettings;
  set(settings: Partial<MicSettings>): void;
  /** Another device, without a new track. Throws VoiceError DRIFT_VOICE_NO_MICROPHONE, and the present one stays. */
  use(deviceId: string | undefined): Promise<void>;
  close(): void;
}

/**
 * Opens the microphone.
 * @throws VoiceError DRIFT_VOICE_UNSUPPORTED (no https), DRIFT_VOICE_NO_MICROPHONE
 */
export async function openMicrophone(options: MicrophoneOptions): Promise<Microphone> {
  const { context } = options;
  let stream = await capture(options.deviceId, options.lost);
  await context.audioWorklet.addModule(options.workletUrl);
  const chain = new AudioWorkletNode(context, MIC_PROCESSOR, {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    outputChannelCount: [1],
    channelCount: 1,
    channelCountMode: 'explicit',
  });
  chain.port.onmessage = ({ data }: MessageEvent<MicReport>) => options.report?.(data);
  const exit = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  chain.connect(exit);
  let source = context.createMediaStreamSource(stream);
  source.connect(chain);
  const [track] = exit.stream.getAudioTracks();
  if (track === undefined) throw noMicrophone('the audio graph gave no track');
  let settings: MicSettings = { ...MIC_DEFAULTS, ...options.settings };
  chain.port.postMessage(settings);
  return {
    track,
    get settings() {
      return settings;
    },
    set(changes) {
      settings = { ...settings, ...changes };
      chain.port.postMessage(settings);
    },
    async use(deviceId) {
      const next = await capture(deviceId, options.lost);
      source.disconnect();
      stop(stream);
      stream = next;
      source = context.createMediaStreamSource(next);
      source.connect(chain);
    },
    close() {
      chain.port.postMessage('end');
      source.disconnect();
      chain.disconnect();
      stop(stream);
      track.stop();
    },
  };
}

/** The browser cancels echo and evens out loudness; noise is ours, since two suppressors in a row harm the voice. */
async function capture(
  deviceId: string | undefined,
  lost: (() => void) | undefined,
): Promise<MediaStream> {
  const { mediaDevices } = navigator as { readonly mediaDevices?: MediaDevices };
  if (mediaDevices === undefined) {
    const message = 'Open the microphone: the page is not from https or from this computer';
    throw new VoiceError('DRIFT_VOICE_UNSUPPORTED', message);
  }
  const audio: MediaTrackConstraints = {
    echoCancellation: true,
    autoGainControl: true,
    noiseSuppression: false,
    channelCount: 1,
    ...(deviceId === undefined ? {} : { deviceId: { exact: deviceId } }),
  };
  try {
    const stream = await mediaDevices.getUserMedia({ audio });
    for (const track of stream.getAudioTracks()) track.onended = () => lost?.();
    return stream;
  } catch (cause) {
    throw noMicrophone(cause instanceof Error ? cause.name : 'no device', cause);
  }
}

function noMicrophone(what: string, cause?: unknown): VoiceError {
  const message = `Open the microphone: ${what}`;
  return new VoiceError('DRIFT_VOICE_NO_MICROPHONE', message, undefined, cause);
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}
