/**
 * Reconnect storm: thousands of connections are cut at once and come back as protocol.md 2.14 says, while their
 * channels go on and other people chat in channels of their own. Everybody must be back inside herd_ms with every
 * cursor satisfied, and the others notice nothing. Starts its own server; exits with 1 on a violation.
 */
import { fork } from 'node:child_process';
import { check } from '../checker.ts';
import { type Members, makeMembers, readHistory } from '../support/crowd.ts';
import { percentile, readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { Follower } from '../support/follower.ts';
import { cpuMs, residentMib } from '../support/proc.ts';
import { RawClient } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, ServerProcess } from '../support/server-process.ts';
import { OP } from '../support/wire.ts';
import { Writer } from '../support/writer.ts';
import { Delays } from './delays.ts';
import type { HerdOrder, HerdReport } from './herd.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/reconnect-storm.ts [options]\n\nA herd is cut at once and comes back; channels of others beside it.',
  {
    connections: { short: 400, long: 5000, what: 'connections that are cut' },
    channels: { short: 10, long: 50, what: 'channels of the herd' },
    per: { short: 2, what: 'channels of each of its connections' },
    rate: { short: 10, long: 20, what: 'messages per second in all channels of the herd' },
    storms: { short: 1, long: 3, what: 'how often' },
    witnesses: {
      short: 10,
      long: 20,
      what: 'connections that are not cut, in a channel of their own',
    },
    p99: { short: 1000, long: 100, what: 'ms that p99 of the others may have' },
    grace: { short: 5000, long: 0, what: 'ms beyond herd_ms' },
    seed: { short: 0, what: 'seed of all chance; 0 draws one' },
  },
);

const USERS = 20;
/** The witnesses' own channels, not of the herd. */
const WITNESS_CHANNELS = 2;
const WITNESS_GAP_MS = 50;
const CALM_MS = 2000;

const verdict = new Verdict('reconnect storm');
const { seed } =
  settings.seed === 0 ? Seeded.forTest('reconnect storm') : new Seeded(settings.seed);

class Storm {
  readonly #server: ServerProcess;
  readonly #herd = fork(new URL('./herd.ts', import.meta.url), { stdio: 'inherit' });
  readonly #witnesses: Follower[] = [];
  readonly #writers: Writer[] = [];
  #delays = new Delays();
  #members: Members | undefined;

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  async run(): Promise<void> {
    const members = await makeMembers(
      this.#server.port,
      USERS,
      settings.channels + WITNESS_CHANNELS,
    );
    this.#members = members;
    await this.#gather(members);
    await pause(CALM_MS);
    const calm = this.#delays.result();
    verdict.figure('p99 of the others before', calm.p99Ms, 'ms');
    for (let storm = 0; storm < settings.storms; storm += 1) await this.#storm();
    await this.#judge();
  }

  async dispose(): Promise<void> {
    this.#herd.disconnect();
    await Promise.all(this.#witnesses.map((one) => one.stop()));
    await this.#server.dispose();
  }

  #order<Type extends HerdReport['type']>(order: HerdOrder): Promise<HerdReport & { type: Type }> {
    return new Promise((resolve, reject) => {
      this.#herd.once('message', (report: HerdReport) => {
        if (report.type === 'failed') reject(new Error(report.why));
        else resolve(report as HerdReport & { type: Type });
      });
      this.#herd.send(order);
    });
  }

  async #gather(members: Members): Promise<void> {
    const { port } = this.#server;
    const tokens = members.logins.map((login) => login.accessToken);
    const own = members.sids.slice(0, WITNESS_CHANNELS);
    const sids = members.sids.slice(WITNESS_CHANNELS);
    const { connections: count, per: perReader } = settings;
    await this.#order({ type: 'connect', port, tokens, sids, count, perReader, seed });
    await this.#order({ type: 'settle' });
    const common = {
      port,
      encoding: 'mp' as const,
      chance: new Seeded(seed),
      inFlight: 1,
      isSteady: true,
    };
    for (let i = 0; i < settings.witnesses; i += 1) {
      const witness = new Follower({
        ...common,
        name: `witness-${i}`,
        token: tokens[i % USERS]!,
        sids: own,
        onEvent: (frame) => this.#delays.take(frame[7], 0),
      });
      this.#witnesses.push(witness);
    }
    await Promise.all(this.#witnesses.map((one) => one.start()));
    for (const [i, sid] of own.entries()) {
      const content = (nonce: string): string => this.#delays.stamp(nonce);
      const name = `witness-writer-${i}`;
      this.#write({
        ...common,
        name,
        token: tokens[i]!,
        sids: [sid],
        gapMs: WITNESS_GAP_MS,
        content,
      });
    }
    const writers = 4;
    for (let i = 0; i < writers; i += 1) {
      const gapMs = (writers * 1000) / settings.rate;
      this.#write({ ...common, name: `herd-writer-${i}`, token: tokens[i]!, sids, gapMs });
    }
    verdict.progress(
      `${count} connections, RSS ${residentMib(this.#server.serverPid).toFixed(0)} MiB`,
    );
  }

  #write(options: Writer['options']): void {
    const writer = new Writer(options);
    this.#writers.push(writer);
    writer.start();
  }

  async #storm(): Promise<void> {
    this.#delays = new Delays();
    const cpu = cpuMs(this.#server.serverPid);
    const back = await this.#order<'back'>({ type: 'cut' });
    const { tookMs, herdMs, refused } = back;
    const others = this.#delays.result();
    verdict.figure('herd_ms', herdMs, 'ms');
    verdict.figure('half of them back after', percentile(tookMs, 0.5), 'ms');
    verdict.time(
      'all of them back after',
      tookMs.at(-1)!,
      'ms',
      Math.max(1000, herdMs) + settings.grace,
    );
    verdict.figure('attempts that were refused', refused);
    verdict.figure(
      'CPU of the server per connection',
      (cpuMs(this.#server.serverPid) - cpu) / settings.connections,
      'ms',
    );
    verdict.figure('deliveries to the others', others.samples);
    verdict.time('p99 of the others', others.p99Ms, 'ms', settings.p99);
    verdict.figure('largest', others.maxMs, 'ms');
    await pause(CALM_MS);
  }

  async #judge(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.finish()));
    const client = await RawClient.open({ port: this.#server.port });
    await client.first(OP.hello);
    await client.identify(this.#members!.logins[0]!.accessToken);
    const histories = [];
    for (const sid of this.#members!.sids) histories.push(await readHistory(client, sid));
    client.socket.cut();
    const heads = histories.map(({ sid, head }) => [sid, head] as const);
    const end = await this.#order<'satisfied'>({ type: 'heads', heads });
    verdict.figure('events delivered to the herd', end.events);
    verdict.figure('cursors not satisfied', end.behind, '', 0);
    verdict.figure('events that came twice', end.repeated, '', 0);
    verdict.figure('holes', end.repairs, '', 0);
    verdict.figure('closed for good', end.refusals, '', 0);
    for (const one of this.#witnesses) {
      for (const sid of one.options.sids) await one.reached(sid, new Map(heads).get(sid)!, 30_000);
    }
    const all = [...this.#writers, ...this.#witnesses];
    const throughout = this.#witnesses.map((one) => one.options.name);
    const violations = check({
      connections: all.flatMap((one) => one.traces),
      histories,
      throughout,
    });
    for (const one of violations)
      verdict.violation(`${one.invariant} ${one.client}#${one.conn}: ${one.what}`);
    verdict.figure('violations of the checker for the others', violations.length, '', 0);
    const ended = this.#witnesses.flatMap((one) => one.closes).length;
    verdict.figure('connections of the others that ended', ended, '', 0);
    verdict.figure('memory of the server', residentMib(this.#server.serverPid), 'MiB');
  }
}

await runToEnd(
  verdict,
  new Storm(
    await ServerProcess.start({ env: { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' } }),
  ),
);
