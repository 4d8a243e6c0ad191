/**
 * Owns the acceptance test of a media worker: two WebRTC peers through it, one of each DTLS role, 50 RTP packets from one to the other.
 * Plain RTP is not enough: a worker linked to a libssl with kernel TLS forwards that and crashes at the first DTLS handshake (voice.md 1).
 * Child process of a build only: it loads mediasoup and a native WebRTC stack.
 */
import { createWorker, type types } from 'mediasoup';
import { connectPeer, countPackets, type Side, sendPackets } from '../rtc-peer/index.ts';

const PACKETS = 50;
/** Long, since in the background of a busy machine a process may wait for seconds: a good binary must not be refused for that. */
const LIMIT_MS = 90_000;
const PAYLOAD_TYPE = 111;
const SSRC = 0x44574159;

type Verdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Runs the test with the worker at `path`; takes about 1 s. */
export async function selfTest(path: string): Promise<Verdict> {
  const closers: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    await Promise.race([limit, exchange(path, closers)]);
    return { ok: true };
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  } finally {
    clearTimeout(timer);
    for (const close of closers.reverse()) close();
  }
}

async function exchange(path: string, closers: (() => void)[]): Promise<void> {
  const worker = await createWorker({ workerBin: path, logLevel: 'error' });
  closers.push(() => worker.close());
  const died = new Promise<never>((_resolve, reject) => {
    worker.on('died', (error) => reject(new Error(`the worker died: ${error.message}`)));
  });
  died.catch(() => undefined);
  await Promise.race([died, forward(worker, closers)]);
}

async function forward(worker: types.Worker, closers: (() => void)[]): Promise<void> {
  const listenInfos = [{ protocol: 'udp' as const, ip: '127.0.0.1' }];
  const webRtcServer = await worker.createWebRtcServer({ listenInfos });
  const codec = { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
  const mediaCodecs = [{ ...codec, preferredPayloadType: PAYLOAD_TYPE }];
  const router = await worker.createRouter({ mediaCodecs });
  const [from, to] = await Promise.all([
    router.createWebRtcTransport({ webRtcServer }),
    router.createWebRtcTransport({ webRtcServer }),
  ]);
  const producer = await from.produce({
    kind: 'audio',
    rtpParameters: {
      codecs: [{ ...codec, payloadType: PAYLOAD_TYPE }],
      encodings: [{ ssrc: SSRC }],
    },
  });
  const { rtpCapabilities } = router;
  const consumer = await to.consume({ producerId: producer.id, rtpCapabilities });
  const ssrc = consumer.rtpParameters.encodings?.[0]?.ssrc ?? 0;
  const payloadType = PAYLOAD_TYPE;
  const [speaker, listener] = await Promise.all([
    connect(from, { ssrc: SSRC, remoteSsrc: null, role: 'client', payloadType }, closers),
    connect(to, { ssrc: SSRC + 1, remoteSsrc: ssrc, role: 'server', payloadType }, closers),
  ]);
  const heard = countPackets(listener, payloadType, PACKETS);
  await sendPackets(speaker, { ssrc: SSRC, payloadType }, PACKETS);
  await heard;
}

/** Resolves with the peer's track when both sides have shaken hands. */
async function connect(transport: types.WebRtcTransport, side: Side, closers: (() => void)[]) {
  const isSecure = new Promise<void>((resolve) => {
    transport.on('dtlsstatechange', (state) => state === 'connected' && resolve());
  });
  const track = await connectPeer(
    transport,
    side,
    (dtlsParameters) => transport.connect({ dtlsParameters }),
    closers,
  );
  await isSecure;
  return track;
}
