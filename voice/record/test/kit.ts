/**
 * What tests of recordings share: the real driftway-audio (built once into the user's cache), a service on a folder of its own, and a
 * room whose taps and feeds are plain sockets of the test. Tests only.
 */
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audioBinary } from '../../../native/audio/index.ts';
import { systemClock, systemRng } from '../../../runtime/index.ts';
import { RTP, RtpStream } from '../../test/index.ts';
import type { MediaFeed, MediaProducer, MediaTap, RoomMedia } from '../../worker/types.ts';
import { type AudioServiceOptions, createAudioService } from '../service.ts';
import type { AudioService } from '../types.ts';

/** A socket's buffer holds a few hundred small packets where the kernel's limit is not raised. */
const IN_FLIGHT = 100;

let binary: Promise<string> | undefined;

/** Fails with the hint when it cannot be had. */
export function audioProcess(): Promise<string> {
  binary ??= audioBinary({ background: false }).then((found) => {
    if (!found.ok) throw new Error(found.message);
    return found.path;
  });
  return binary;
}

export interface TestAudio {
  readonly audio: AudioService;
  readonly folder: string;
  readonly events: string[];
  /** Resolves at the next such event. */
  next(what: string): Promise<void>;
  /** Ends the service and takes its folder away. */
  close(): Promise<void>;
}

export function makeAudio(options: Partial<AudioServiceOptions> = {}): TestAudio {
  const folder = mkdtempSync(join(tmpdir(), 'driftway-record-'));
  const events: string[] = [];
  const waiting = new Set<{ what: string; wake: () => void }>();
  const audio = createAudioService({
    binary: async () => ({ ok: true, path: await audioProcess() }),
    ...{ folder, marks: join(folder, 'unfinished'), clock: systemClock, rng: systemRng },
    onEvent: (what) => {
      events.push(what);
      for (const one of [...waiting]) {
        if (one.what !== what) continue;
        waiting.delete(one);
        one.wake();
      }
    },
    ...options,
  });
  return {
    ...{ audio, folder, events },
    next: (what) => new Promise((wake) => waiting.add({ what, wake })),
    close: async () => {
      await audio.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A speaker whose worker is a socket of the test. */
export class FakeSpeaker {
  readonly producer = {} as MediaProducer;
  readonly stream: RtpStream;
  readonly #socket: Socket;
  /** Where its tap goes to. */
  port = 0;
  /** How often it was tapped. */
  taps = 0;
  sent: Buffer[] = [];

  private constructor(socket: Socket, ssrc: number) {
    this.#socket = socket;
    this.stream = new RtpStream(ssrc);
  }

  static async make(ssrc: number): Promise<FakeSpeaker> {
    return new FakeSpeaker(await bound(), ssrc);
  }

  get from(): number {
    return this.#socket.address().port;
  }

  /** So many packets, as fast as the process takes them; resolves when it has read them all. */
  async say(packets: number): Promise<void> {
    for (let i = 0; i < packets; i++) {
      await this.send(this.stream.next());
      if (i % IN_FLIGHT === IN_FLIGHT - 1) await drained(this.port);
    }
    await drained(this.port);
  }

  send(packet: Buffer): Promise<void> {
    this.sent.push(packet.subarray(20));
    return new Promise((resolve, reject) => {
      this.#socket.send(packet, this.port, '127.0.0.1', (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** What arrives at a feed. */
export interface FakeFeed {
  readonly packets: Buffer[];
  /** Resolves when so many have come. */
  until(packets: number): Promise<void>;
}

/** A room whose taps belong to `speakers`; feeds are collected. */
export function fakeMedia(speakers: readonly FakeSpeaker[]): {
  media: RoomMedia;
  feeds: FakeFeed[];
} {
  const feeds: FakeFeed[] = [];
  const tap = async (producer: MediaProducer, to: { port: number }) => {
    const speaker = speakers.find((one) => one.producer === producer);
    if (speaker === undefined) return { ok: false as const, code: 'gone' as const, message: '' };
    speaker.port = to.port;
    speaker.taps += 1;
    const value: MediaTap = {
      ...{ closed: false, ssrc: speaker.stream.ssrc, payloadType: RTP.payloadType },
      ...{ levelExtension: RTP.levelExtension, close: () => undefined },
      from: { ip: '127.0.0.1', port: speaker.from },
    };
    return { ok: true as const, value };
  };
  const feed = async () => {
    const socket = await bound();
    const made = collect(socket);
    feeds.push(made);
    let closed = false;
    const value: MediaFeed = {
      get closed() {
        return closed;
      },
      ...{ producer: {} as MediaProducer, payloadType: RTP.payloadType },
      to: { ip: '127.0.0.1', port: socket.address().port },
      close: () => {
        if (!closed) socket.close();
        closed = true;
      },
    };
    return { ok: true as const, value };
  };
  return { media: { tap, feed } as unknown as RoomMedia, feeds };
}

function collect(socket: Socket): FakeFeed {
  const packets: Buffer[] = [];
  const waiting = new Set<() => void>();
  socket.on('message', (packet) => {
    packets.push(packet);
    for (const look of [...waiting]) look();
  });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (packets.length < count) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { packets, until };
}

/** Resolves when nothing waits in the buffer of the UDP socket on this port of this machine. */
export async function drained(port: number): Promise<void> {
  const name = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const isWaiting = () =>
    readFileSync('/proc/net/udp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some(([, local, , , queues]) => local?.endsWith(name) && !queues?.endsWith(':00000000'));
  while (isWaiting()) await new Promise((resolve) => setImmediate(resolve));
}

function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => resolve(socket));
  });
}
