/**
 * What people in voice rooms heard of each other over some time, packet by packet, and what was missing: by the talkers' own time (RTP),
 * which no slow machine changes, and by the clock. Runs in the test process; must never import product code.
 */
import { RTP, readRtp } from '../../../voice/test/index.ts';
import type { VoiceClient } from './voice-client.ts';

/** RTP ticks of Opus per ms. */
const TICKS = 48;
/** Packets of one pair that are remembered at most; more are not looked at. */
const PACKETS_MAX = 100_000;

/** One listener and one talker. */
export interface Gap {
  readonly listener: number;
  readonly talker: number;
  /** Packets that this talker said and that never came, on whichever way. */
  readonly lost: number;
  /** Longest stretch of the talker's time that is missing, ms; 0 when every packet came. */
  readonly missingMs: number;
  /** Longest time without anything new, less the 20 ms between packets. */
  readonly silentMs: number;
}

interface Track {
  readonly stamps: number[];
  readonly arrivals: number[];
}

export class GapMeter {
  readonly #tracks = new Map<string, Track>();

  /** Listens to everybody's packets from now on. */
  constructor(clients: readonly VoiceClient[]) {
    for (const { peer, uid } of clients) {
      peer.onPacket = (pid, packet, atMs) => {
        const talker = peer.ownerOf(pid);
        const head = readRtp(packet);
        if (talker !== undefined && head !== undefined) {
          this.#note(`${uid} ${talker}`, head.timestamp, atMs);
        }
      };
    }
  }

  #note(pair: string, stamp: number, atMs: number): void {
    const track = this.#tracks.get(pair) ?? { stamps: [], arrivals: [] };
    this.#tracks.set(pair, track);
    if (track.stamps.length >= PACKETS_MAX) return;
    track.stamps.push(stamp);
    track.arrivals.push(atMs);
  }

  /** Every pair since the last call. */
  take(): readonly Gap[] {
    const gaps = [...this.#tracks].map(([pair, track]) => {
      const [listener, talker] = pair.split(' ').map(Number) as [number, number];
      return { listener, talker, ...gapOf(track) };
    });
    this.#tracks.clear();
    return gaps;
  }
}

function gapOf({ arrivals, stamps }: Track): Omit<Gap, 'listener' | 'talker'> {
  const said = [...new Set(stamps)].sort((a, b) => a - b);
  const steps = said.slice(1).map((stamp, i) => stamp - (said[i] ?? 0));
  const lost = steps.reduce((sum, step) => sum + Math.round(step / RTP.samplesPerPacket) - 1, 0);
  const longest = Math.max(RTP.samplesPerPacket, ...steps);
  // What comes a second time, on the other way, is nothing new.
  const seen = new Set<number>();
  const news = arrivals.filter((_, i) => {
    const isNew = !seen.has(stamps[i] ?? 0);
    seen.add(stamps[i] ?? 0);
    return isNew;
  });
  const silent = Math.max(RTP.packetMs, ...news.slice(1).map((at, i) => at - (news[i] ?? 0)));
  return {
    lost,
    missingMs: longest / TICKS - RTP.packetMs,
    silentMs: silent - RTP.packetMs,
  };
}
