/**
 * Owns what the main thread finds out for GET /health beyond "is it up": room on the disk, whether and how fast the store answers,
 * memory, how late the threads are. Asked for, never on a timer; whoever asks too often gets the last answer again, since
 * /health needs no token. Main thread.
 */
import { statfs } from 'node:fs/promises';
import type { LogWriterP } from '../channels/store/index.ts';
import { at, type Clock, call, slotsOf } from '../runtime/index.ts';
import type { HealthCheck, HealthChecks } from './health-types.ts';
import { THREAD_COUNTERS, type ThreadCountersP } from './metrics/thread.ts';
import { HEALTH } from './policies.ts';
import { voiceChecks } from './voice/checks.ts';
import type { VoiceLook } from './voice/types.ts';

/** Where the checks look. */
export interface HealthPorts {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Bytes that the data folder's disk has left. */
  freeBytes(): Promise<number>;
  memory(): { readonly usedBytes: number; readonly availableBytes: number };
  /** Whether the store can write; waits its turn behind what is to be written. */
  store(): Promise<{ readonly healthy: boolean }>;
  /** Threads to ask, and the question. */
  slots(): readonly string[];
  ping(slot: string): Promise<unknown>;
  voice(): Promise<VoiceLook>;
}

/** The real ports of a node. */
export function healthPorts(
  dataDir: string,
  clock: Clock,
  voice: { look(): Promise<VoiceLook> },
): HealthPorts {
  const wait = { timeoutMs: HEALTH.askMs };
  return {
    clock,
    async freeBytes() {
      const { bavail, bsize } = await statfs(dataDir);
      return bavail * bsize;
    },
    memory: () => ({
      usedBytes: process.memoryUsage.rss(),
      availableBytes: process.availableMemory(),
    }),
    async store() {
      // The main thread has no other use for the store's code: loaded with the first question.
      const { LOG_WRITER, STORE_SLOT } = await import('./connect-store.ts');
      return call(at<LogWriterP>(STORE_SLOT, LOG_WRITER), 'stats', undefined, wait);
    },
    slots: () => ['store', 'reader', 'shard', 'gateway'].flatMap((group) => [...slotsOf(group)]),
    voice: () => voice.look(),
    ping: (slot) => call(at<ThreadCountersP>(slot, THREAD_COUNTERS), 'totals', undefined, wait),
  };
}

/** Looks at most once in HEALTH.keepMs; askers in between share the answer. */
export class HealthLook {
  readonly #ports: HealthPorts;
  #last: Promise<HealthChecks> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(ports: HealthPorts) {
    this.#ports = ports;
  }

  /** Resolves within HEALTH.askMs or little more; never rejects. */
  read(): Promise<HealthChecks> {
    const now = this.#ports.clock.monotonic();
    if (this.#last === undefined || now - this.#lookedAt >= HEALTH.keepMs) {
      this.#lookedAt = now;
      this.#last = this.#look();
    }
    return this.#last;
  }

  async #look(): Promise<HealthChecks> {
    const [disk, store, loop, voice] = await Promise.all([
      this.#disk(),
      this.#store(),
      this.#loop(),
      this.#ports.voice(),
    ]);
    return { disk, store, loop, memory: this.#memory(), ...voiceChecks(voice) };
  }

  async #disk(): Promise<HealthCheck> {
    try {
      const free = await this.#ports.freeBytes();
      return {
        status: free < HEALTH.freeBytes ? 'degraded' : 'ok',
        detail: `${mib(free)} MiB free`,
      };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return { status: 'degraded', detail: `the disk cannot be asked: ${code ?? 'unknown'}` };
    }
  }

  async #store(): Promise<HealthCheck> {
    const { ms, value } = await this.#timed(() => this.#ports.store());
    if (value === undefined) return { status: 'degraded', detail: 'does not answer' };
    if (!value.healthy) return { status: 'degraded', detail: 'cannot write' };
    return { status: ms > HEALTH.lateMs ? 'degraded' : 'ok', detail: `answers in ${ms} ms` };
  }

  async #loop(): Promise<HealthCheck> {
    const slots = this.#ports.slots();
    const asked = await Promise.all(
      slots.map(async (slot) => ({ slot, ...(await this.#timed(() => this.#ports.ping(slot))) })),
    );
    const silent = asked.filter(({ value }) => value === undefined).map(({ slot }) => slot);
    if (silent.length > 0) return { status: 'degraded', detail: `no answer: ${silent.join(', ')}` };
    const late = asked.reduce((most, one) => (one.ms > most.ms ? one : most), {
      slot: 'none',
      ms: 0,
    });
    const status = late.ms > HEALTH.lateMs ? 'degraded' : 'ok';
    return { status, detail: `slowest ${late.slot}, ${late.ms} ms` };
  }

  #memory(): HealthCheck {
    const { availableBytes, usedBytes } = this.#ports.memory();
    const detail = `${mib(usedBytes)} MiB used, ${mib(availableBytes)} MiB available`;
    return { status: availableBytes < HEALTH.availableBytes ? 'degraded' : 'ok', detail };
  }

  /** The answer and the whole ms until it came; without a value where there was none. */
  async #timed<T>(ask: () => Promise<T>): Promise<{ readonly ms: number; readonly value?: T }> {
    const { clock } = this.#ports;
    const from = clock.monotonic();
    try {
      const value = await ask();
      return { ms: Math.round(clock.monotonic() - from), value };
    } catch {
      return { ms: Math.round(clock.monotonic() - from) }; // it is being restarted, or hangs
    }
  }
}

function mib(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
