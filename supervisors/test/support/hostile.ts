/**
 * What the tests of protocol.md 3 share: a server, the healthy witness that chats all through the
 * attacks, the server's memory before and after, its counters. Runs in the test process; must never
 * import product code.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, type FixtureOptions, useServer } from './fixture.ts';
import { until } from './server-process.ts';
import { Witness } from './witness.ts';

/** The long forms: full counts and full times. */
export const LONG = process.env.LONG === '1';

/** Users 0 and 1 are the witness; attackers are from here on. */
export const ATTACKER = 2;

/** "Server memory must return to within 32 MiB of the start", "p99 delivery must stay under 250 ms". */
const MEMORY_MAX_MB = 32;
const P99_MAX_MS = 250;
const SETTLE_MAX_MS = 20_000;
/** Public limits let a user write once a second to a stream. */
const PUBLIC_GAP_MS = 1100;
const PAGE_MAX_MS = 5000;

export interface HostileOptions extends FixtureOptions {
  /** Limits as they are for everybody; default: LIMITS=trusted. */
  readonly isPublic?: boolean;
  /** What the attacks leave behind on purpose (stored messages, sessions, heaps), in MB. */
  readonly keepsMb?: number;
}

export class Hostile {
  readonly fixture: Fixture;
  readonly #options: HostileOptions;
  #witness: Witness | undefined;
  #startMb = 0;

  constructor(options: HostileOptions) {
    this.#options = options;
    const limits = options.isPublic === true ? 'public' : 'trusted';
    const env = { DRIFTWAY_LIMITS: limits, ...options.env };
    this.fixture = useServer({ users: ATTACKER + 2, ...options, env });
    beforeAll(async () => {
      const gapMs = options.isPublic === true ? PUBLIC_GAP_MS : undefined;
      this.#witness = await Witness.start(this.fixture, 'witness', gapMs);
      // What makes the page of /metrics is loaded with the first one, and stays.
      await this.fixture.http.raw('/metrics');
      this.#startMb = this.rssMb();
    }, 60_000);
  }

  get witness(): Witness {
    if (this.#witness === undefined) throw new Error('hostile: used before beforeAll');
    return this.#witness;
  }

  /** Resident memory of the server process, without the pages of files (the database) that the kernel may drop. */
  rssMb(): number {
    const status = readFileSync(`/proc/${this.fixture.server.serverPid}/status`, 'latin1');
    return Math.round(Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1024);
  }

  /**
   * Takes the memory of now as the start: after a first round of an attack that moves much data, since
   * V8's heaps keep their high-water mark. What further rounds add would be a leak.
   */
  remember(): void {
    this.#startMb = this.rssMb();
  }

  /** A counter of /metrics as it is now, summed over the threads; 0 where there is none yet. */
  async counter(name: string, labels = ''): Promise<number> {
    const page = async (): Promise<string> => (await this.fixture.http.raw('/metrics')).text;
    // The page is made a few times a second only: the first one may be older than what is asked about.
    const old = await page();
    const text = await until('a new page of /metrics', PAGE_MAX_MS, async () => {
      const next = await page();
      return next === old ? undefined : next;
    });
    let sum = 0;
    for (const line of text.split('\n')) {
      if (!line.startsWith(`driftway_${name}{`) || !line.includes(labels)) continue;
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
    return sum;
  }

  /** Resolves when the counter has reached `least`. */
  async counted(name: string, least: number, timeoutMs = 10_000): Promise<void> {
    await until(`${name} of ${least}`, timeoutMs, async () =>
      (await this.counter(name)) >= least ? true : undefined,
    );
  }

  /** The last test of a file: nothing happened to the witness, and the memory is back. */
  verdict(title: string): void {
    describe('the witness', () => {
      let spent = '';
      afterAll(() => console.log(`${title}: ${spent}`));
      test('chatted through everything, the server has its memory back', async () => {
        const p99Ms = this.witness.p99Ms();
        expect(await this.witness.verdict()).toEqual([]);
        const allowed = MEMORY_MAX_MB + (this.#options.keepsMb ?? 0);
        spent = `p99 ${p99Ms} ms, memory ${this.#startMb} MB before, ${this.rssMb()} MB at the end`;
        await until('the memory to return', SETTLE_MAX_MS, () =>
          this.rssMb() - this.#startMb <= allowed ? true : undefined,
        );
        spent += `, ${this.rssMb()} MB after`;
        // Elsewhere other jobs decide how late a message is.
        if (LONG) expect(p99Ms).toBeLessThan(P99_MAX_MS);
      }, 60_000);
    });
  }
}

/** Registers the hooks of a server and its witness for the whole file or describe. */
export function useHostile(options: HostileOptions = {}): Hostile {
  return new Hostile(options);
}

/** An address of 127.0.0.0/8 that is nobody else's: `n` from 0 on. */
export function foreignAddress(n: number): string {
  return `127.1.${Math.floor(n / 250)}.${1 + (n % 250)}`;
}
