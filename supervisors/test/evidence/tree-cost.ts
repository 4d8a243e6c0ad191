/**
 * What looking at the tree costs: a server with thousands of live channels, with and without a subscriber that is told of all of them
 * each second, in turns; first at rest, then under traffic. Prints the CPU share of the server either way and the delay of
 * messages. Starts its own server; the subscriber is a process of its own. Exits with 1 on a violation.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TreeOptions } from '../../admin/types.ts';
import { makeMembers } from '../support/crowd.ts';
import { percentile, readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { HttpClient } from '../support/http-client.ts';
import { residentMib, threadsCpuMs } from '../support/proc.ts';
import { nowMs, RawClient, unpack } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, ServerProcess } from '../support/server-process.ts';
import type { WatcherCommand, WatcherReport } from '../support/tree-watcher.ts';
import { OP, type WireFrame } from '../support/wire.ts';
import { Writer } from '../support/writer.ts';
import { Delays } from './delays.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/tree-cost.ts [options]\n\nThe cost of looking at the tree of a server with many live channels.',
  {
    channels: { short: 400, long: 10_000, what: 'live channels' },
    rate: { short: 100, long: 200, what: 'messages per second under traffic' },
    seconds: { short: 2, long: 20, what: 'length of each window' },
    pairs: {
      short: 1,
      long: 7,
      what: 'windows without and with a subscriber, at rest and under traffic',
    },
    settle: { short: 1, long: 10, what: 'seconds after a beginning, whose cost is told by itself' },
    depth: { short: 5, what: 'depth of the subscription' },
    limit: { short: 5000, what: 'rows of the subscription at most' },
    every: { short: 1000, what: 'ms between its events' },
    noise: { short: 20, long: 5, what: 'ms that p99 may differ beyond a fifth' },
  },
);

const CPU_MAX_PERCENT = 1;
const PER_GUILD = 400;
const PER_CONNECTION = 500;
const PER_SUB = 100;
const GUILDS_AT_ONCE = 4;
const WRITERS = 4;
/** The model lets the threads go on for five seconds after the last subscriber. */
const REST_MS = 5500;

const verdict = new Verdict('tree cost');

interface Window {
  /** CPU time of the server, of one core. */
  readonly cpuPercent: number;
  readonly watcherPercent: number;
  readonly p99Ms: number;
  readonly secondsP99: readonly number[];
  readonly samples: number;
}

class TreeCost {
  readonly #server: ServerProcess;
  readonly #watcher: ChildProcess;
  /** Rejects when the subscriber has ended. */
  readonly #ended: Promise<never>;
  readonly #readers: RawClient[] = [];
  #writers: Writer[] = [];
  #delays = new Delays();
  #sids: number[] = [];
  #token = '';

  constructor(server: ServerProcess) {
    this.#server = server;
    const file = fileURLToPath(new URL('../support/tree-watcher.ts', import.meta.url));
    this.#watcher = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ended = new Promise((_, reject) => {
      this.#watcher.once('exit', (code) => reject(new Error(`the subscriber ended: ${code}`)));
    });
    this.#ended.catch(() => undefined);
  }

  async run(): Promise<void> {
    await this.#gather();
    verdict.progress(`at rest, ${settings.pairs} pairs of windows of ${settings.seconds} s`);
    await this.#compare('at rest');
    this.#write();
    verdict.progress(`with ${settings.rate} messages per second`);
    await this.#compare('under traffic');
    await Promise.all(this.#writers.map((one) => one.finish()));
    const failures = this.#writers.flatMap((one) => one.failures);
    verdict.figure('messages that failed', failures.length, '', 0);
    verdict.figure('memory of the server', residentMib(this.#server.serverPid), 'MiB');
  }

  async dispose(): Promise<void> {
    for (const reader of this.#readers) reader.socket.cut();
    this.#watcher.kill('SIGKILL');
    await this.#server.dispose();
  }

  // -------------------------------------------------------------- the server's load

  async #gather(): Promise<void> {
    const { port } = this.#server;
    const members = await makeMembers(port, 1, 1);
    this.#token = members.logins[0]!.accessToken;
    const started = nowMs();
    const sizes: number[] = [];
    for (let left = settings.channels; left > 0; left -= PER_GUILD) {
      sizes.push(Math.min(PER_GUILD, left));
    }
    const http = new HttpClient(port);
    const lanes = Array.from({ length: GUILDS_AT_ONCE }, async () => {
      for (let size = sizes.pop(); size !== undefined; size = sizes.pop()) {
        this.#sids.push(...(await http.guild(this.#token, size)).sids);
      }
    });
    await Promise.all(lanes);
    http.close();
    verdict.progress(
      `${this.#sids.length} channels made in ${((nowMs() - started) / 1000).toFixed(0)} s`,
    );
    for (let at = 0; at < this.#sids.length; at += PER_CONNECTION) {
      await this.#reader(this.#sids.slice(at, at + PER_CONNECTION));
    }
  }

  /** A client that follows channels, which thereby live, and takes the delay of their messages. */
  async #reader(sids: readonly number[]): Promise<void> {
    const client = await RawClient.open({ port: this.#server.port, encoding: 'mp' });
    this.#readers.push(client);
    await client.first(OP.hello);
    await client.identify(this.#token);
    for (let at = 0; at < sids.length; at += PER_SUB) {
      const entries = sids.slice(at, at + PER_SUB).map((sid): WireFrame => [sid]);
      await client.ask(OP.sub, [entries], 30_000);
    }
    client.onFrame = (frame) => {
      client.log.length = 0;
      for (const inner of unpack(frame)) {
        if (inner[0] === OP.ev) this.#delays.take(inner[7], 0);
      }
    };
  }

  #write(): void {
    this.#writers = Array.from({ length: WRITERS }, (_, i) => {
      return new Writer({
        name: `writer-${i}`,
        port: this.#server.port,
        token: this.#token,
        sids: this.#sids,
        encoding: 'mp',
        chance: new Seeded(i),
        inFlight: 4,
        gapMs: (WRITERS * 4 * 1000) / settings.rate,
        content: (nonce) => this.#delays.stamp(nonce),
        isSteady: true,
      });
    });
    for (const writer of this.#writers) writer.start();
  }

  // -------------------------------------------------------------- windows

  /** Windows without and with a subscriber, one after another, so that both see the same machine. */
  async #compare(what: string): Promise<void> {
    const without: Window[] = [];
    const looked: Window[] = [];
    const beginnings: number[] = [];
    let last: WatcherReport | undefined;
    for (let pair = 0; pair < settings.pairs; pair += 1) {
      without.push(await this.#window());
      beginnings.push(await this.#watch());
      looked.push(await this.#window());
      last = await this.#rest();
      await pause(REST_MS);
    }
    const usualMs = mean(without.map((one) => one.cpuPercent)) * 10 * settings.settle;
    verdict.figure(`${what}: CPU of a beginning`, mean(beginnings) - usualMs, 'ms');
    const each = looked.map((one, i) => one.cpuPercent - without[i]!.cpuPercent);
    verdict.figure(`${what}: CPU without`, mean(without.map((one) => one.cpuPercent)), '%');
    verdict.figure(`${what}: CPU with`, mean(looked.map((one) => one.cpuPercent)), '%');
    console.log(
      `   ${what}: difference of each pair: ${each.map((one) => one.toFixed(2)).join(' ')} %`,
    );
    verdict.time(
      `${what}: CPU of looking (median)`,
      percentile(each, 0.5),
      '% of a core',
      CPU_MAX_PERCENT,
    );
    verdict.figure(
      `${what}: CPU of the subscriber`,
      mean(looked.map((one) => one.watcherPercent)),
      '%',
    );
    this.#delaysOf(what, without, looked);
    this.#told(what, last);
  }

  /**
   * The cost of looking comes with each round of the sampling, that is in every second: the usual second tells it. A stall of the
   * disk or the machine, a few in a window either way, makes p99 of a whole window; that is printed beside it.
   */
  #delaysOf(what: string, without: readonly Window[], looked: readonly Window[]): void {
    if (without.every(({ samples }) => samples === 0)) return;
    const usual = (windows: readonly Window[]): number =>
      percentile(
        windows.flatMap(({ secondsP99 }) => secondsP99),
        0.5,
      );
    const all = (windows: readonly Window[]): string =>
      windows.map(({ p99Ms }) => p99Ms.toFixed(0)).join(' ');
    console.log(`   ${what}: p99 of each window: ${all(without)} without, ${all(looked)} with, ms`);
    const before = usual(without);
    verdict.figure(`${what}: p99 of a second (median) without`, before, 'ms');
    verdict.time(
      `${what}: p99 of a second (median) with`,
      usual(looked),
      'ms',
      before * 1.2 + settings.noise,
    );
  }

  /** The subscriber did see everything, or this was no measurement. */
  #told(what: string, report: WatcherReport | undefined): void {
    const { changedRows = 0, deltas = 0, resyncs = 0, snapshotRows = 0 } = report ?? {};
    const wanted = Math.min(settings.limit, settings.channels);
    verdict.figure(`${what}: rows of the snapshot`, snapshotRows);
    verdict.figure(`${what}: rows told in deltas per second`, changedRows / Math.max(1, deltas));
    verdict.figure(`${what}: resyncs`, resyncs, '', 0);
    if (snapshotRows < wanted) verdict.violation(`${snapshotRows} rows seen, ${wanted} wanted`);
    if (deltas === 0) verdict.violation('the subscriber was told of no change');
  }

  async #window(): Promise<Window> {
    this.#delays = new Delays();
    const pid = this.#server.serverPid;
    const watcher = this.#watcher.pid ?? 0;
    const [from, cpu, own] = [nowMs(), threadsCpuMs(pid), threadsCpuMs(watcher)];
    await pause(settings.seconds * 1000);
    const tookMs = nowMs() - from;
    const { p99Ms, samples } = this.#delays.result();
    return {
      cpuPercent: ((threadsCpuMs(pid) - cpu) / tookMs) * 100,
      watcherPercent: ((threadsCpuMs(watcher) - own) / tookMs) * 100,
      p99Ms,
      secondsP99: this.#delays.secondsP99(),
      samples,
    };
  }

  /** Begins to look; CPU time of the server until that has settled, garbage collections that it brought about included. */
  async #watch(): Promise<number> {
    const options: TreeOptions = {
      depth: settings.depth,
      limit: settings.limit,
      everyMs: settings.every,
    };
    const socketPath = join(this.#server.dataDir, 'admin.sock');
    const pid = this.#server.serverPid;
    const cpu = threadsCpuMs(pid);
    await this.#ask({ do: 'watch', socketPath, options });
    await pause(settings.settle * 1000);
    return threadsCpuMs(pid) - cpu;
  }

  async #rest(): Promise<WatcherReport> {
    return (await this.#ask({ do: 'rest' })) as WatcherReport;
  }

  #ask(command: WatcherCommand): Promise<unknown> {
    const answer = new Promise((resolve) => this.#watcher.once('message', resolve));
    this.#watcher.send(command);
    return Promise.race([answer, this.#ended]);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

await runToEnd(
  verdict,
  new TreeCost(
    await ServerProcess.start({
      env: {
        DRIFTWAY_HEART: 'off',
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_ACCESS_TOKEN_TTL_S: '86400',
      },
    }),
  ),
);
