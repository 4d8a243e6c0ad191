/**
 * One WebRTC transport toward a media worker, as a thin client has it: libdatachannel (node-datachannel) does ICE, DTLS and SRTP, the
 * test makes and takes RTP packets. One audio line, so that every packet that arrives comes to `onRtp`. Loopback only.
 * Runs in the test process; must never import product code.
 */
import { createRequire } from 'node:module';
import type { PeerConnection, Track } from 'node-datachannel';

const rtc = createRequire(import.meta.url)('node-datachannel') as typeof import('node-datachannel');

/** What a server tells of its side (mediasoup's names). */
export interface TransportParams {
  readonly id: string;
  readonly iceParameters: { readonly usernameFragment: string; readonly password: string };
  readonly iceCandidates: readonly IceCandidate[];
  readonly dtlsParameters: DtlsParameters;
}

export interface IceCandidate {
  readonly foundation: string;
  readonly priority: number;
  readonly ip?: string;
  readonly address?: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly type: string;
}

export interface DtlsParameters {
  readonly role?: 'auto' | 'client' | 'server';
  readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
}

export type RtcDirection = 'send' | 'receive';

const MID = 'audio';
const PAYLOAD_TYPE = 111;

/** A handshake takes some 20 ms; one that hangs is no news after this. */
const CONNECT_MS = 8_000;

/** Nobody said that the transport failed, and it is not there: a client joins again (the last rung of its ladder). */
export class NotConnected extends Error {}

export class RtcTransport {
  /** Every RTP packet that arrives; RTCP does not come here. */
  onRtp: (packet: Buffer) => void = () => {};
  /** Resolves when packets can be sent and taken; rejects when the transport fails, is closed before, or hangs. */
  readonly connected: Promise<void>;
  readonly #pc: PeerConnection;
  readonly #track: Track;
  readonly #direction: RtcDirection;
  readonly #hangs: (error: NotConnected) => void;
  #connecting: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isOpen = false;

  constructor(name: string, direction: RtcDirection, ssrc = 0) {
    this.#direction = direction;
    this.#pc = new rtc.PeerConnection(name, { iceServers: [], bindAddress: '127.0.0.1' });
    const audio = new rtc.Audio(MID, direction === 'send' ? 'SendOnly' : 'RecvOnly');
    audio.addOpusCodec(PAYLOAD_TYPE);
    if (direction === 'send') audio.addSSRC(ssrc, name);
    this.#track = this.#pc.addTrack(audio);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#hangs = reject;
    this.#track.onOpen(() => {
      this.#isOpen = true;
      clearTimeout(this.#connecting);
      resolve();
    });
    this.#pc.onStateChange((state) => {
      if (state === 'failed' || state === 'closed') {
        this.#isOpen = false;
        reject(new Error(`transport ${name}: ${state}`));
      }
    });
    // Whoever waits is told; nobody has to.
    this.connected.catch(() => undefined);
    this.#track.onMessage((packet) => {
      const type = (packet[1] ?? 0) & 0x7f;
      if (type < 64 || type > 95) this.onRtp(packet);
    });
    this.#pc.setLocalDescription('offer');
  }

  /** What the server needs of this side: it is the client of DTLS. */
  get dtls(): DtlsParameters {
    const sdp = this.#pc.localDescription()?.sdp ?? '';
    const found = /^a=fingerprint:(\S+) (\S+)/m.exec(sdp);
    if (found?.[1] === undefined || found[2] === undefined) {
      throw new Error('rtc transport: there is no fingerprint yet');
    }
    return { role: 'client', fingerprints: [{ algorithm: found[1], value: found[2] }] };
  }

  /** Begins to connect. The server should have been told `dtls` before. */
  accept(params: TransportParams): void {
    this.#pc.setRemoteDescription(answerOf(params, this.#direction), 'answer');
    const hung = new NotConnected(`transport: not connected within ${CONNECT_MS} ms`);
    this.#connecting = setTimeout(() => this.#hangs(hung), CONNECT_MS).unref();
  }

  /** False: not connected, so the packet is lost. */
  send(packet: Buffer): boolean {
    if (!this.#isOpen) return false;
    try {
      return this.#track.sendMessageBinary(packet);
    } catch {
      // The other end has closed it a moment ago.
      this.#isOpen = false;
      return false;
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#connecting);
    this.#isOpen = false;
    this.#pc.close();
  }
}

/** Frees the native threads, so that a process can end. */
export function closeRtc(): void {
  rtc.cleanup();
}

/** The answer of a server that has only one line: its ICE, its certificate, the other direction. */
function answerOf(params: TransportParams, direction: RtcDirection): string {
  const { dtlsParameters, iceCandidates, iceParameters } = params;
  const print =
    dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256') ??
    dtlsParameters.fingerprints[0];
  if (print === undefined) throw new Error('rtc transport: the server has no fingerprint');
  const candidates = iceCandidates
    .filter(({ protocol }) => protocol === 'udp')
    .map(
      ({ address, foundation, ip, port, priority }) =>
        `a=candidate:${foundation} 1 udp ${priority} ${address ?? ip} ${port} typ host`,
    );
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${MID}`,
    `m=audio 9 UDP/TLS/RTP/SAVPF ${PAYLOAD_TYPE}`,
    'c=IN IP4 127.0.0.1',
    `a=mid:${MID}`,
    `a=${direction === 'send' ? 'recvonly' : 'sendonly'}`,
    'a=rtcp-mux',
    `a=rtpmap:${PAYLOAD_TYPE} opus/48000/2`,
    `a=ice-ufrag:${iceParameters.usernameFragment}`,
    `a=ice-pwd:${iceParameters.password}`,
    `a=fingerprint:${print.algorithm} ${print.value}`,
    'a=setup:passive',
    ...candidates,
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}
