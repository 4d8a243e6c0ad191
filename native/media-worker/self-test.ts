/**
 * Owns the acceptance test of a media worker: two WebRTC peers through it, one of each DTLS role, 50 RTP packets from one to the other.
 * Plain RTP is not enough: a worker linked to a libssl with kernel TLS forwards that and crashes at the first DTLS handshake (voice.md 1).
 * Child process of a build only: it loads mediasoup and a native WebRTC stack.
 */
import { createWorker, type types } from 'mediasoup';
import { Audio, PeerConnection, type Track } from 'node-datachannel';

const PACKETS = 50;
const PACKET_MS = 4;
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
  const [speaker, listener] = await Promise.all([
    connect(from, { ssrc: SSRC, remoteSsrc: null, role: 'client' }, closers),
    connect(to, { ssrc: SSRC + 1, remoteSsrc: ssrc, role: 'server' }, closers),
  ]);
  const heard = counted(listener);
  await send(speaker);
  await heard;
}

interface Side {
  readonly ssrc: number;
  readonly remoteSsrc: number | null;
  /** The peer's part in the DTLS handshake. */
  readonly role: 'client' | 'server';
}

/** Connects a peer to a transport; resolves with its track when media can flow. */
async function connect(
  transport: types.WebRtcTransport,
  side: Side,
  closers: (() => void)[],
): Promise<Track> {
  const peer = new PeerConnection('self-test', { iceServers: [] });
  closers.push(() => peer.close());
  const offered = new Promise<void>((resolve) => peer.onLocalDescription(() => resolve()));
  const media = new Audio('0', 'SendRecv');
  media.addOpusCodec(PAYLOAD_TYPE);
  media.addSSRC(side.ssrc, 'self-test');
  const track = peer.addTrack(media);
  const isOpen = new Promise<void>((resolve) => track.onOpen(resolve));
  const isSecure = new Promise<void>((resolve) => {
    transport.on('dtlsstatechange', (state) => state === 'connected' && resolve());
  });
  peer.setLocalDescription();
  await offered;
  const fingerprint = /a=fingerprint:sha-256 (\S+)/i.exec(peer.localDescription()?.sdp ?? '')?.[1];
  if (fingerprint === undefined) throw new Error('the test peer made no fingerprint');
  peer.setRemoteDescription(answerFor(transport, side), 'answer');
  const fingerprints = [{ algorithm: 'sha-256' as const, value: fingerprint }];
  await transport.connect({ dtlsParameters: { role: side.role, fingerprints } });
  await Promise.all([isOpen, isSecure]);
  return track;
}

function answerFor(transport: types.WebRtcTransport, side: Side): string {
  const { iceParameters, iceCandidates, dtlsParameters } = transport;
  const print = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    'a=group:BUNDLE 0',
    `m=audio 9 UDP/TLS/RTP/SAVPF ${PAYLOAD_TYPE}`,
    'c=IN IP4 127.0.0.1',
    'a=mid:0',
    'a=sendrecv',
    'a=rtcp-mux',
    `a=ice-ufrag:${iceParameters.usernameFragment}`,
    `a=ice-pwd:${iceParameters.password}`,
    `a=fingerprint:sha-256 ${print?.value}`,
    `a=setup:${side.role === 'client' ? 'passive' : 'active'}`,
    `a=rtpmap:${PAYLOAD_TYPE} opus/48000/2`,
    ...(side.remoteSsrc === null ? [] : [`a=ssrc:${side.remoteSsrc} cname:self-test`]),
    ...iceCandidates.map(
      ({ foundation, priority, address, port }) =>
        `a=candidate:${foundation} 1 udp ${priority} ${address} ${port} typ host`,
    ),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** Resolves when the track has got all packets. */
function counted(track: Track): Promise<void> {
  return new Promise((resolve) => {
    let packets = 0;
    track.onMessage((message) => {
      if ((message[1] ?? 0) % 128 !== PAYLOAD_TYPE) return;
      packets++;
      if (packets === PACKETS) resolve();
    });
  });
}

/** Sends packets as Opus at 20 ms would be, only faster. */
function send(track: Track): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    const timer = setInterval(() => {
      const packet = Buffer.alloc(92);
      packet.set([0x80, PAYLOAD_TYPE]);
      packet.writeUInt16BE(sent + 1, 2);
      packet.writeUInt32BE(sent * 960, 4);
      packet.writeUInt32BE(SSRC, 8);
      track.sendMessageBinary(packet);
      sent++;
      if (sent < PACKETS) return;
      clearInterval(timer);
      resolve();
    }, PACKET_MS);
  });
}
