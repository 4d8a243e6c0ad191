/**
 * Owns one WebRTC peer of a media worker: it takes what a transport offers, and answers with its fingerprint. Processes of their own
 * only (tests of a binary, the doctor): it loads a native WebRTC stack.
 */
import { Audio, cleanup, PeerConnection, type Track } from 'node-datachannel';

const PACKET_MS = 4;
const PAYLOAD_BYTES = 80;
const HEADER_BYTES = 12;

/** What a transport of mediasoup is made with, as far as a peer needs it. */
export interface Offered {
  readonly iceParameters: { readonly usernameFragment: string; readonly password: string };
  readonly iceCandidates: readonly {
    readonly foundation: string;
    readonly priority: number;
    readonly address: string;
    readonly port: number;
    readonly protocol: string;
  }[];
  readonly dtlsParameters: {
    readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  };
}

export interface Side {
  readonly ssrc: number;
  /** Of what it hears; null: nothing. */
  readonly remoteSsrc: number | null;
  readonly payloadType: number;
  /** The peer's part in the DTLS handshake. */
  readonly role: 'client' | 'server';
}

/** Tells the transport of the peer's DTLS. */
export type TellDtls = (dtls: {
  readonly role: 'client' | 'server';
  readonly fingerprints: { readonly algorithm: 'sha-256'; readonly value: string }[];
}) => Promise<unknown>;

/** Connects a peer to a transport; resolves with its track when media can flow. UDP only. `closers` end it. */
export async function connectPeer(
  offered: Offered,
  side: Side,
  tell: TellDtls,
  closers: (() => void)[],
): Promise<Track> {
  const peer = new PeerConnection('driftway', { iceServers: [] });
  closers.push(() => peer.close());
  const described = new Promise<void>((resolve) => peer.onLocalDescription(() => resolve()));
  const media = new Audio('0', 'SendRecv');
  media.addOpusCodec(side.payloadType);
  media.addSSRC(side.ssrc, 'driftway');
  const track = peer.addTrack(media);
  const isOpen = new Promise<void>((resolve) => track.onOpen(resolve));
  peer.setLocalDescription();
  await described;
  const value = /a=fingerprint:sha-256 (\S+)/i.exec(peer.localDescription()?.sdp ?? '')?.[1];
  if (value === undefined) throw new Error('the test peer made no fingerprint');
  peer.setRemoteDescription(answerFor(offered, side), 'answer');
  await tell({ role: side.role, fingerprints: [{ algorithm: 'sha-256', value }] });
  await isOpen;
  return track;
}

/** Ends the threads of the WebRTC stack, which would keep the process; after the last peer. */
export function endPeers(): void {
  cleanup();
}

/** Resolves when the track has got so many. */
export function countPackets(track: Track, payloadType: number, wanted: number): Promise<void> {
  return new Promise((resolve) => {
    let packets = 0;
    track.onMessage((message) => {
      if ((message[1] ?? 0) % 128 !== payloadType) return;
      packets++;
      if (packets === wanted) resolve();
    });
  });
}

/** Sends packets as Opus at 20 ms would be, only faster. */
export function sendPackets(
  track: Track,
  { payloadType, ssrc }: Pick<Side, 'payloadType' | 'ssrc'>,
  count: number,
): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    const timer = setInterval(() => {
      const packet = Buffer.alloc(HEADER_BYTES + PAYLOAD_BYTES);
      packet.set([0x80, payloadType]);
      packet.writeUInt16BE(sent + 1, 2);
      packet.writeUInt32BE(sent * 960, 4);
      packet.writeUInt32BE(ssrc, 8);
      track.sendMessageBinary(packet);
      sent++;
      if (sent < count) return;
      clearInterval(timer);
      resolve();
    }, PACKET_MS);
  });
}

function answerFor(offered: Offered, side: Side): string {
  const { iceParameters, iceCandidates, dtlsParameters } = offered;
  const print = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  const { payloadType } = side;
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    'a=group:BUNDLE 0',
    `m=audio 9 UDP/TLS/RTP/SAVPF ${payloadType}`,
    'c=IN IP4 127.0.0.1',
    'a=mid:0',
    'a=sendrecv',
    'a=rtcp-mux',
    `a=ice-ufrag:${iceParameters.usernameFragment}`,
    `a=ice-pwd:${iceParameters.password}`,
    `a=fingerprint:sha-256 ${print?.value}`,
    `a=setup:${side.role === 'client' ? 'passive' : 'active'}`,
    `a=rtpmap:${payloadType} opus/48000/2`,
    ...(side.remoteSsrc === null ? [] : [`a=ssrc:${side.remoteSsrc} cname:driftway`]),
    ...iceCandidates
      .filter(({ protocol }) => protocol === 'udp')
      .map(
        ({ foundation, priority, address, port }) =>
          `a=candidate:${foundation} 1 udp ${priority} ${address} ${port} typ host`,
      ),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}
