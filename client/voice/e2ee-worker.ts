/**
 * The worker of end-to-end encryption: every frame between encoder and network passes through it (RTCRtpScriptTransform), and keys
 * never leave it. A bundle of its own. It counts what it does; it never lets a frame through that it could not encrypt or
 * authenticate.
 */
import { systemClock, systemRng } from '../clock.ts';
import type { E2eeReply, E2eeRequest, E2eeTransform } from './e2ee.ts';
import { type Bytes, keyIdOf, openFrame, sealFrame } from './e2ee-frame.ts';
import { KeyGroup, type SendKeys } from './e2ee-group.ts';

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
  postMessage(message: E2eeReply): void;
}

const scope = globalThis as unknown as WorkerScope;
const counts = { sealed: 0, opened: 0, dropped: 0, unknown: 0, busyMs: 0 };
/** Messages that the page has not answered for yet; each is answered, for the request ends with the connection at the latest. */
const sending = new Map<number, (isSent: boolean) => void>();
let lastId = 0;
let starting: Promise<KeyGroup> | null = null;
let group: KeyGroup | null = null;

const send: SendKeys = (to, data) =>
  new Promise((resolve) => {
    lastId += 1;
    sending.set(lastId, resolve);
    scope.postMessage({ kind: 'send', id: lastId, to, data });
  });

scope.onmessage = ({ data }) => {
  if (data.kind === 'counts') {
    scope.postMessage({ kind: 'counts', ...counts, rejected: group?.rejected ?? 0 });
  } else if (data.kind === 'sent') {
    sending.get(data.id)?.(data.isSent);
    sending.delete(data.id);
  } else if (data.kind === 'start') {
    const { secret, sid, uid } = data;
    starting = KeyGroup.create({ secret, sid, uid, send, clock: systemClock, rng: systemRng });
    void starting.then((made) => {
      group = made;
    });
  } else {
    void starting?.then((made) => {
      if (data.kind === 'joined') made.joined(data.uids);
      else if (data.kind === 'people') made.people(data.uids);
      else made.receive(data.from, data.data);
    });
  }
};

scope.onrtctransform = ({ transformer }) => {
  const { readable, writable, options } = transformer;
  const transform = options.dir === 'seal' ? seal : open;
  const stream = new TransformStream<EncodedFrame, EncodedFrame>({
    transform: async (frame, controller) => {
      const startedAt = systemClock.now();
      const data = await transform(new Uint8Array(frame.data), options.uid).catch(() => null);
      counts.busyMs += systemClock.now() - startedAt;
      if (data === null) return;
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

async function seal(frame: Bytes): Promise<Bytes | null> {
  const how = group?.seal() ?? null;
  if (how === null) {
    counts.unknown += 1;
    return null;
  }
  counts.sealed += 1;
  return await sealFrame(frame, how);
}

async function open(frame: Bytes, uid: number): Promise<Bytes | null> {
  const kid = keyIdOf(frame);
  const key = kid === null ? null : ((await group?.find(uid, kid)) ?? null);
  if (key === null) {
    counts.unknown += 1;
    return null;
  }
  const data = await openFrame(frame, key.aes);
  if (data === null) counts.dropped += 1;
  else {
    counts.opened += 1;
    group?.opened(uid, key);
  }
  return data;
}
