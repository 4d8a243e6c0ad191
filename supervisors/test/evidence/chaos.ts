/**
 * Chaos: a crowd writes and reads while its TCP connections are cut, readers stop reading, tokens expire, threads are
 * killed and the server process gets kill -9. Afterwards the checker of protocol.md 4 judges every frame of every
 * connection, and the delay of what no fault touched is measured. Starts its own server; exits with 1 on a violation.
 */

import type { StreamHistory } from '../checker.ts';
import { check } from '../checker.ts';
import { type Violation, walk } from '../checker-wire.ts';
import { makeMembers, readHistory } from '../support/crowd.ts';
import { readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { FaultServer } from '../support/fault-control.ts';
import { Follower } from '../support/follower.ts';
import { LoginPool } from '../support/login-pool.ts';
import { ENCODINGS, nowMs, RawClient } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, until } from '../support/server-process.ts';
import { OP } from '../support/wire.ts';
import { Writer } from '../support/writer.ts';
import { Delays } from './delays.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/chaos.ts [options]\n\nFaults of all kinds under a crowd; the checker and the delay of the unaffected.',
  {
    seconds: { short: 14, long: 600, what: 'how long' },
    clients: { short: 50, long: 1000, what: 'connections: four fifths read, one fifth writes' },
    channels: { short: 12, long: 200, what: 'channels of the guild' },
    users: { short: 8, long: 50, what: 'users; the connections share them' },
    gap: { short: 500, long: 2000, what: 'ms between two messages of a writer' },
    kill: { short: 8, long: 60, what: 'seconds between two kill -9 of the server' },
    thread: { short: 3, long: 23, what: 'seconds between two kills of a thread' },
    slow: {
      short: 4,
      long: 60,
      what: 'seconds that 5 % of the readers stop reading, again and again',
    },
    ttl: { short: 10, long: 30, what: 'seconds that an access token lives' },
    replay: { short: 5, long: 20, what: 'events replayed at most, beyond them there is a GAP' },
    seed: { short: 0, what: 'seed of all chance; 0 draws one' },
  },
);

const WRITER_SHARE = 5;
const SIDS_PER_READER = 3;
const CUTS_PER_S = 0.01;
const SLOW_SHARE = 0.05;
/** Every fifth connection leaves AUTH_EXPIRING unanswered and is closed with 4003. */
const NO_REAUTH_EVERY = 5;
/** Between the end of a token and 4003, with something to spare; a server that is killed before closes nobody. */
const EXPIRED_WITHIN_S = 20;
const SLOTS = ['shard-0', 'reader-0', 'shard-1', 'store'];
const P99_MAX_MS = 250;
const SETUP_WINDOW = 50;
/** A fault still shows for so long after everybody is back. */
const AFTERMATH_MS = 3000;

const verdict = new Verdict('chaos');
const chance = settings.seed === 0 ? Seeded.forTest('chaos') : new Seeded(settings.seed);
const env = {
  DRIFTWAY_ACCESS_TOKEN_TTL_S: String(settings.ttl),
  // Far below what a stopped reader misses, so that there are gaps to verify.
  DRIFTWAY_REPLAY_MAX: String(settings.replay),
};

class Chaos {
  readonly #followers: Follower[] = [];
  readonly #writers: Writer[] = [];
  readonly #delays = new Delays();
  readonly #counts = { cuts: 0, stops: 0, kills: 0, threads: 0 };
  #server: FaultServer;
  #pool: LoginPool | undefined;
  #sids: readonly number[] = [];
  #stopped = new Set<Follower>();
  #isOver = false;

  private constructor(server: FaultServer) {
    this.#server = server;
  }

  static async begin(): Promise<Chaos> {
    return new Chaos(await FaultServer.start(env));
  }

  async run(): Promise<void> {
    await this.#gather();
    const end = nowMs() + settings.seconds * 1000;
    const report = this.#reporting();
    await Promise.all([this.#cutting(), this.#slowing(), this.#killing(end)]);
    await report;
    await this.#judge();
  }

  async dispose(): Promise<void> {
    this.#isOver = true;
    await this.#pool?.stop();
    await Promise.all(this.#followers.map((one) => one.stop()));
    await this.#server.dispose();
  }

  async #gather(): Promise<void> {
    const { port } = this.#server.process;
    const members = await makeMembers(port, settings.users, settings.channels);
    this.#sids = members.sids;
    const pool = new LoginPool(port, members.logins, settings.ttl);
    this.#pool = pool;
    pool.start();
    const writers = Math.max(1, Math.floor(settings.clients / WRITER_SHARE));
    const common = (i: number) => ({
      port,
      token: () => pool.token(i),
      encoding: ENCODINGS[i % 4 === 3 ? 1 : 0]!,
    });
    for (let i = 0; i < settings.clients - writers; i += 1)
      this.#followers.push(this.#follower(i, common(i)));
    for (let i = 0; i < writers; i += 1) {
      this.#writers.push(
        new Writer({
          ...common(i),
          name: `w${i}`,
          sids: [this.#sids[i % this.#sids.length]!],
          chance,
          inFlight: 1,
          gapMs: settings.gap,
          isSteady: true,
          content: (nonce) => this.#delays.stamp(nonce),
          reconnectMs: () => chance.between(50, 1000),
        }),
      );
    }
    for (let i = 0; i < this.#followers.length; i += SETUP_WINDOW) {
      await Promise.all(this.#followers.slice(i, i + SETUP_WINDOW).map((one) => one.start()));
    }
    for (const writer of this.#writers) {
      writer.start();
      await pause(settings.gap / writers);
    }
    verdict.progress(`${settings.clients} clients on ${this.#sids.length} channels`);
  }

  #follower(
    i: number,
    common: { port: number; token: () => string; encoding: 'mp' | 'json' },
  ): Follower {
    const sids = new Set<number>([this.#sids[i % this.#sids.length]!]);
    const wanted = Math.min(SIDS_PER_READER, this.#sids.length);
    while (sids.size < wanted) sids.add(chance.pick(this.#sids));
    const follower: Follower = new Follower({
      ...common,
      name: `r${i}`,
      sids: [...sids],
      reauth: i % NO_REAUTH_EVERY !== 0,
      reconnectMs: (herdMs, upMs, attempt) =>
        chance.between(
          0,
          upMs > 5000 ? Math.max(1000, herdMs) : Math.min(8000, 500 * 2 ** attempt),
        ),
      onEvent: (frame) => {
        if (this.#stopped.has(follower)) return;
        this.#delays.take(frame[7], follower.liveSince);
      },
    });
    return follower;
  }

  /** Random connections end, by FIN and by reset. */
  async #cutting(): Promise<void> {
    while (!this.#isOver) {
      await pause(1000 / Math.max(1, settings.clients * CUTS_PER_S));
      if (this.#delays.isDisturbed) continue;
      const one =
        chance.between(0, WRITER_SHARE - 1) === 0
          ? chance.pick(this.#writers)
          : chance.pick(this.#followers);
      if (one.client?.isOpen !== true) continue;
      this.#counts.cuts += 1;
      if (chance.between(0, 1) === 0) one.client.socket.cut();
      else one.client.socket.reset();
    }
  }

  /** At any time 5 % of the readers do not read. */
  async #slowing(): Promise<void> {
    while (!this.#isOver) {
      const count = Math.max(1, Math.round(this.#followers.length * SLOW_SHARE));
      const chosen = Array.from({ length: count }, () => chance.pick(this.#followers));
      const paused = chosen.map((one) => one.client);
      for (const one of chosen) this.#stopped.add(one);
      for (const client of paused) client?.socket.pause();
      this.#counts.stops += count;
      for (let s = 0; s < settings.slow && !this.#isOver; s += 1) await pause(1000);
      for (const client of paused) client?.socket.resume();
      await pause(1000);
      for (const one of chosen) this.#stopped.delete(one);
    }
  }

  /** Threads in turn, and now and then the whole process. */
  async #killing(end: number): Promise<void> {
    let nextKill = nowMs() + settings.kill * 1000;
    let nextThread = nowMs() + settings.thread * 1000;
    while (nowMs() < end) {
      await pause(100);
      if (nowMs() > nextKill && nextKill < end) {
        await this.#disturb(() => this.#killServer());
        nextKill = nowMs() + settings.kill * 1000;
        nextThread = nowMs() + settings.thread * 1000;
      } else if (nowMs() > nextThread && settings.thread > 0) {
        await this.#disturb(() => this.#killThread());
        nextThread = nowMs() + settings.thread * 1000;
      }
    }
    this.#isOver = true;
  }

  /** Everything sent from now until all are back counts as affected. */
  async #disturb(fault: () => Promise<void>): Promise<void> {
    this.#delays.disturbed();
    await fault();
    const back = (): true | undefined =>
      this.#followers.every((one) => one.isLive || this.#stopped.has(one)) || undefined;
    await until('everybody is back', 120_000, back);
    await pause(AFTERMATH_MS);
    this.#delays.calm();
  }

  async #killServer(): Promise<void> {
    const { process: old } = this.#server;
    const { port, dataDir } = old;
    old.child.kill('SIGKILL');
    await old.exit;
    this.#server = await FaultServer.start(env, { port, dataDir });
    this.#counts.kills += 1;
  }

  async #killThread(): Promise<void> {
    const slot = SLOTS[this.#counts.threads % SLOTS.length]!;
    const before = await this.#server.incarnation(slot);
    await this.#server.do({ op: 'terminate', slot });
    await until(`another ${slot}`, 30_000, async () => {
      return (await this.#server.incarnation(slot)) > before || undefined;
    });
    this.#counts.threads += 1;
  }

  async #reporting(): Promise<void> {
    while (!this.#isOver) {
      for (let s = 0; s < Math.max(2, settings.seconds / 20) && !this.#isOver; s += 1)
        await pause(1000);
      const { cuts, stops, kills, threads } = this.#counts;
      verdict.progress(
        `${this.#acked} acknowledged, ${cuts} cuts, ${stops} stopped readers, ${kills} kill -9, ${threads} threads killed`,
      );
    }
  }

  get #acked(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  }

  async #judge(): Promise<void> {
    await until(
      'everybody is live',
      120_000,
      () => this.#followers.every((one) => one.isLive) || undefined,
    );
    await Promise.all(this.#writers.map((writer) => writer.finish()));
    const histories = await this.#histories();
    const heads = new Map(histories.map(({ sid, head }) => [sid, head]));
    for (const one of this.#followers) {
      for (const sid of one.options.sids) await one.reached(sid, heads.get(sid)!, 60_000);
    }
    verdict.progress('everybody has everything; checking');
    this.#print(histories);
  }

  async #histories(): Promise<StreamHistory[]> {
    const reader = await RawClient.open({ port: this.#server.process.port });
    await reader.first(OP.hello);
    await reader.identify(this.#pool!.token(0));
    const histories: StreamHistory[] = [];
    for (const sid of this.#sids) histories.push(await readHistory(reader, sid));
    reader.socket.cut();
    return histories;
  }

  #print(histories: readonly StreamHistory[]): void {
    const everyone = [...this.#writers, ...this.#followers];
    const connections = everyone.flatMap((one) => one.traces);
    const throughout = this.#followers.map((one) => one.options.name);
    const violations = check({ connections, histories, throughout });
    const gaps = connections.map(walk).flatMap((one) => one.gaps);
    const known = new Map(
      histories.map((one) => [one.sid, new Set(one.events.map((event) => event[3]))]),
    );
    let unread = 0;
    for (const { sid, from, to } of gaps) {
      for (let seq = from; seq <= to; seq += 1) if (known.get(sid)?.has(seq) !== true) unread += 1;
    }
    const { cuts, stops, kills, threads } = this.#counts;
    verdict.figure('TCP cuts', cuts);
    verdict.figure('readers stopped', stops);
    verdict.figure('kill -9 of the server', kills);
    verdict.figure('threads killed', threads);
    verdict.figure('tokens renewed', this.#pool!.renewals);
    const expired = everyone.flatMap((one) => one.closes).filter((code) => code === 4003).length;
    verdict.figure('connections closed with 4003', expired);
    if (expired === 0 && settings.kill > settings.ttl + EXPIRED_WITHIN_S)
      verdict.violation('no connection was closed for a token that ran out');
    verdict.figure('connections', connections.length);
    verdict.figure('appends acknowledged', this.#acked);
    verdict.figure('gaps announced', gaps.length);
    verdict.figure('events in gaps that HISTORY does not have', unread, '', 0);
    verdict.figure('duplicates', count(violations, ['I3', 'I6', 'I7']), '', 0);
    verdict.figure('losses', count(violations, ['I2', 'I5']), '', 0);
    verdict.figure(
      'other violations',
      count(violations, ['I1', 'I4', 'I8', 'I9', 'I11', 'I15', 'I16']),
      '',
      0,
    );
    for (const one of violations)
      verdict.violation(`${one.invariant} ${one.client}#${one.conn} ${one.sid}: ${one.what}`);
    for (const code of everyone.flatMap((one) => one.closes))
      if (code >= 4500) verdict.violation(`closed with ${code}`);
    for (const why of this.#writers.flatMap((writer) => writer.failures))
      verdict.violation(`writer: ${why}`);
    const disturbed = new Set(this.#writers.flatMap((writer) => [...writer.disturbed]));
    const unaffected = this.#delays.result(disturbed);
    verdict.figure('deliveries to unaffected clients', unaffected.samples);
    verdict.figure('p50 of the unaffected', unaffected.p50Ms, 'ms');
    verdict.time('p99 of the unaffected', unaffected.p99Ms, 'ms', P99_MAX_MS);
    verdict.figure('largest', unaffected.maxMs, 'ms');
  }
}

function count(violations: readonly Violation[], kinds: readonly Violation['invariant'][]): number {
  return violations.filter((one) => kinds.includes(one.invariant)).length;
}

await runToEnd(verdict, await Chaos.begin());
