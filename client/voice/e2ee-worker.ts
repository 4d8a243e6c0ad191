/**
 * The worker of end-to-end encryption: every frame between encoder and network passes through it (RTCRtpScriptTransform). A bundle
 * of its own. It counts what it does; it never lets a frame through that it could not encrypt or authenticate.
 */
import { systemClock, systemRng } from '../clock.ts';
import type { E2eeCounts, E2eeRequest, E2eeTransform } from './e2ee.ts';
import { FrameKeys, openFrame, sealFrame } from './e2ee-frame.ts';

interface EncodedFrame {
  data: ArrayBuffer;
}
interface Transformer {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  readonly options: E2eeTransform;
}
interface WorkerScope {
  onmessage: (event: { readonly data: E2eeRequest }) => void;
  onrtctransform: (event: { readonly transformer: Transformer }) => void;
  postMessage(message: E2eeCounts): void;
}

const scope = globalThis as unknown as WorkerScope;
const counts = { sealed: 0, opened: 0, dropped: 0, busyMs: 0 };
let keys: Promise<FrameKeys> | null = null;

scope.onmessage = ({ data }) => {
  if (data.kind === 'counts') scope.postMessage({ ...counts });
  else keys = FrameKeys.of(data.secret, data.sid);
};

scope.onrtctransform = ({ transformer }) => {
  const { readable, writable, options } = transformer;
  const transform = options.dir === 'seal' ? seal : open;
  const stream = new TransformStream<EncodedFrame, EncodedFrame>({
    transform: async (frame, controller) => {
      const startedAt = systemClock.now();
      const data = await transform(new Uint8Array(frame.data), options.uid).catch(() => null);
      counts.busyMs += systemClock.now() - startedAt;
      if (data === null) {
        counts.dropped += 1;
        return;
      }
      frame.data = data.buffer;
      controller.enqueue(frame);
    },
  });
  // Ends when the track does; there is nobody to tell.
  readable
    .pipeThrough(stream)
    .pipeTo(writable)
    .catch(() => counts);
};

async function seal(frame: Uint8Array<ArrayBuffer>, uid: number) {
  const key = await (await keys)?.speaker(uid);
  if (key === undefined) return null;
  const iv = new Uint8Array(systemRng.bytes(12));
  counts.sealed += 1;
  return await sealFrame(frame, key, iv);
}

async function open(frame: Uint8Array<ArrayBuffer>, uid: number) {
  const key = await (await keys)?.speaker(uid);
  const data = key === undefined ? null : await openFrame(frame, key);
  if (data !== null) counts.opened += 1;
  return data;
}
