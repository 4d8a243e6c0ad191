/**
 * What a window's WebRTC does, looked at from inside the page without the page's help: the longest time without a packet, and sound that
 * was made up. Its functions run in the page. Test processes only.
 */
import type { Page } from 'playwright-core';

/** While the probe ran. */
export interface Probed {
  /** Longest time in which no packet of any voice came, ms; the 20 ms between packets are in it. */
  readonly longestMs: number;
  readonly packets: number;
  readonly lost: number;
  /** Samples that were played, and those that were made up since a packet was missing. */
  readonly samples: number;
  readonly concealed: number;
  /** The share that was made up in each second of sound. */
  readonly madeUp: readonly number[];
}

interface Probe {
  readonly peers: Set<RTCPeerConnection>;
  isOn: boolean;
  done?: Promise<Probed>;
}

type Scope = typeof globalThis & { driftwayProbe: Probe };

/** To be run before the page's own scripts: remembers every connection. */
export function rememberPeers(): void {
  const peers = new Set<RTCPeerConnection>();
  (globalThis as Scope).driftwayProbe = { peers, isOn: false };
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      peers.add(this);
    }
  };
}

/** Looks from now on. */
export function startProbe(page: Page): Promise<void> {
  return page.evaluate(() => {
    const { driftwayProbe: probe } = globalThis as Scope;
    const before = new Map<string, readonly number[]>();
    const none = { longestMs: 0, packets: 0, lost: 0, samples: 0, concealed: 0 };
    const total = { ...none };
    const second = { samples: 0, concealed: 0 };
    const madeUp: number[] = [];
    let lastMs = performance.now();

    const look = async (): Promise<void> => {
      const reports = [...probe.peers].filter(
        ({ connectionState }) => connectionState !== 'closed',
      );
      for (const report of await Promise.all(reports.map((peer) => peer.getStats()))) {
        for (const stats of report.values()) if (stats.type === 'inbound-rtp') note(stats);
      }
    };
    const note = (stats: Record<string, number>): void => {
      const concealed = (stats.concealedSamples ?? 0) - (stats.silentConcealedSamples ?? 0);
      const now = [stats.packetsReceived, stats.packetsLost, stats.totalSamplesReceived, concealed];
      const key = `${stats.id} ${stats.ssrc}`;
      const [packets = 0, lost = 0, samples = 0, made = 0] = now.map(
        (value, i) => (value ?? 0) - (before.get(key)?.[i] ?? 0),
      );
      before.set(key, now as number[]);
      total.packets += packets;
      total.lost += lost;
      total.samples += samples;
      total.concealed += made;
      second.samples += samples;
      second.concealed += made;
      if (second.samples >= 48_000) {
        madeUp.push(second.concealed / second.samples);
        Object.assign(second, { samples: 0, concealed: 0 });
      }
      if (packets <= 0) return;
      total.longestMs = Math.max(total.longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    };
    const run = async (): Promise<Probed> => {
      await look();
      Object.assign(total, none);
      Object.assign(second, { samples: 0, concealed: 0 });
      madeUp.length = 0;
      lastMs = performance.now();
      while (probe.isOn) {
        await look();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return { ...total, madeUp, longestMs: Math.max(total.longestMs, performance.now() - lastMs) };
    };
    probe.isOn = true;
    probe.done = run();
  });
}

/** Ends it. */
export function endProbe(page: Page): Promise<Probed> {
  return page.evaluate(() => {
    const { driftwayProbe: probe } = globalThis as Scope;
    probe.isOn = false;
    if (probe.done === undefined) throw new Error('the probe was not started');
    return probe.done;
  });
}
