/**
 * Slow readers: some readers of a busy channel stop reading. Two rounds, in each first everybody reads, then some do
 * not: the delay of the others must not change, the server's memory stays flat, and the stopped ones end with every
 * event or an announced gap. Starts its own server; exits with 1 on a violation.
 */
import { check } from '../checker.ts';
import { walk } from '../checker-wire.ts';
import { makeMembers, readHistory } from '../support/crowd.ts';
import { percentile, readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { Follower } from '../support/follower.ts';
import { residentMib } from '../support/proc.ts';
import { RawClient } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, ServerProcess, until } from '../support/server-process.ts';
import { OP } from '../support/wire.ts';
import { Writer } from '../support/writer.ts';
import { type DelayFigures, Delays } from './delays.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/slow-readers.ts [options]\n\nReaders that stop reading a busy channel, side by side with nobody stopped.',
  {
    readers: { short: 20, long: 100, what: 'readers of the channel' },
    percent: { short: 5, what: 'per cent of them that stop' },
    rate: { short: 80, long: 25, what: 'messages of nearly 12,000 bytes per second' },
    seconds: { short: 7, long: 50, what: 'how long they stop in each round' },
    rounds: { short: 1, long: 3, what: 'rounds' },
    noise: { short: 300, long: 25, what: 'ms that p99 may differ beyond its half' },
    growth: { short: 64, what: 'MiB that the server may grow by' },
  },
);

const WRITERS = 4;
/** With the stamp just below the 12,000 bytes that a message may have: kernel buffers hide small ones for long. */
const FILL = '\u20ac'.repeat(3950);
const CALM_MS = 3000;

const verdict = new Verdict('slow readers');

class SlowReaders {
  readonly #server: ServerProcess;
  readonly #readers: Follower[] = [];
  readonly #writers: Writer[] = [];
  #delays = new Delays();
  #sid = 0;
  #token = '';

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  async run(): Promise<void> {
    await this.#gather();
    const quiet: DelayFigures[] = [];
    const stopped: DelayFigures[] = [];
    for (let round = 0; round < settings.rounds; round += 1) {
      quiet.push(await this.#phase([]));
      stopped.push(await this.#phase(this.#slow));
    }
    const before = median(quiet);
    const after = median(stopped);
    verdict.figure('p99 while all read', before, 'ms');
    verdict.time('p99 of the others while some do not', after, 'ms', before * 1.5 + settings.noise);
    await this.#complete();
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#readers.map((one) => one.stop()));
    await this.#server.dispose();
  }

  /** The first ones stop, and keep their frames for the checker. */
  get #slow(): Follower[] {
    return this.#readers.slice(
      0,
      Math.max(1, Math.round((settings.readers * settings.percent) / 100)),
    );
  }

  async #gather(): Promise<void> {
    const { port } = this.#server;
    const members = await makeMembers(port, WRITERS, 1);
    const [sid] = members.sids;
    this.#sid = sid!;
    this.#token = members.logins[0]!.accessToken;
    const common = (i: number) => ({
      port,
      token: members.logins[i % WRITERS]!.accessToken,
      sids: [this.#sid],
      encoding: 'mp' as const,
    });
    const slow = Math.max(1, Math.round((settings.readers * settings.percent) / 100));
    for (let i = 0; i < settings.readers; i += 1) {
      this.#readers.push(
        new Follower({
          ...common(i),
          name: `reader-${i}`,
          keepsLog: i <= slow,
          onEvent: (frame) => {
            if (i >= slow) this.#delays.take(frame[7], 0);
          },
        }),
      );
    }
    await Promise.all(this.#readers.map((one) => one.start()));
    for (let i = 0; i < WRITERS; i += 1) {
      const writer = new Writer({
        ...common(i),
        name: `writer-${i}`,
        chance: new Seeded(i),
        inFlight: 4,
        gapMs: (WRITERS * 4 * 1000) / settings.rate,
        isSteady: true,
        content: (nonce) => `${this.#delays.stamp(nonce)} ${FILL}`,
      });
      this.#writers.push(writer);
      writer.start();
    }
    await pause(CALM_MS);
  }

  async #phase(stopped: readonly Follower[]): Promise<DelayFigures> {
    this.#delays = new Delays();
    const sockets = stopped.map((one) => one.client?.socket);
    for (const socket of sockets) socket?.pause();
    const before = residentMib(this.#server.serverPid);
    let most = before;
    for (let s = 0; s < settings.seconds; s += 1) {
      await pause(1000);
      most = Math.max(most, residentMib(this.#server.serverPid));
    }
    const figures = this.#delays.result();
    verdict.progress(
      `${stopped.length} stopped: p50 ${figures.p50Ms.toFixed(1)}, p99 ${figures.p99Ms.toFixed(1)} ms of ${figures.samples}; RSS ${before.toFixed(0)}, at most ${most.toFixed(0)} MiB`,
    );
    if (stopped.length > 0)
      verdict.figure('server memory grew by', most - before, 'MiB', settings.growth);
    for (const socket of sockets) socket?.resume();
    if (stopped.length > 0)
      await until(
        'the stopped ones are live',
        60_000,
        () => stopped.every((one) => one.isLive) || undefined,
      );
    await pause(CALM_MS);
    return figures;
  }

  async #complete(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.finish()));
    const client = await RawClient.open({ port: this.#server.port });
    await client.first(OP.hello);
    await client.identify(this.#token);
    const history = await readHistory(client, this.#sid);
    client.socket.cut();
    for (const reader of this.#readers) await reader.reached(this.#sid, history.head, 60_000);
    const checked = this.#readers.filter((one) => one.options.keepsLog === true);
    const connections = [...this.#writers, ...checked].flatMap((one) => one.traces);
    const throughout = checked.map((one) => one.options.name);
    const violations = check({ connections, histories: [history], throughout });
    for (const one of violations)
      verdict.violation(`${one.invariant} ${one.client}#${one.conn}: ${one.what}`);
    const walks = this.#slow.flatMap((one) => one.traces).map(walk);
    verdict.figure(
      'appends acknowledged',
      this.#writers.reduce((sum, one) => sum + one.acknowledged, 0),
    );
    verdict.figure('connections of the stopped ones', walks.length);
    verdict.figure(
      'gaps announced to them',
      walks.reduce((sum, one) => sum + one.gaps.length, 0),
    );
    verdict.figure(
      'events delivered to them',
      walks.reduce((sum, one) => sum + one.deliveries.length, 0),
    );
    verdict.figure('violations of the checker', violations.length, '', 0);
    const others = this.#readers.slice(this.#slow.length);
    verdict.figure(
      'connections of others that ended',
      others.flatMap((one) => one.closes).length,
      '',
      0,
    );
    verdict.figure(
      'holes seen by others',
      others.reduce((sum, one) => sum + one.repairs, 0),
      '',
      0,
    );
  }
}

function median(figures: readonly DelayFigures[]): number {
  const all = figures.map((one) => one.p99Ms);
  return percentile(all, 0.5);
}

await runToEnd(
  verdict,
  new SlowReaders(
    await ServerProcess.start({ env: { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' } }),
  ),
);
