/**
 * The chaos menu, item by item: a real server with CHAOS_ENABLED=on, clients that write and read all the time (and talk, where a media
 * worker is killed), an operator on the admin socket who breaks one thing after another. After each the checker of protocol.md 4 judges every frame of every connection,
 * and the server's own written result must say the same. Exits with 1 on a violation.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeRtc } from '../../../voice/test/index.ts';
import type { ChaosItem, ChaosResult } from '../../admin/chaos/types.ts';
import { AdminClient } from '../../admin/index.ts';
import { check, type StreamHistory } from '../checker.ts';
import { type Members, makeMembers, readHistory } from '../support/crowd.ts';
import { readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { Follower } from '../support/follower.ts';
import { ENCODINGS, nowMs, RawClient } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { ServerProcess, until } from '../support/server-process.ts';
import { VoiceCrowd } from '../support/voice-crowd.ts';
import { OP } from '../support/wire.ts';
import { Writer } from '../support/writer.ts';
import { Delays } from './delays.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/chaos-menu.ts [options]\n\nEvery item of the chaos menu against a real server with clients.',
  {
    ms: { short: 1000, long: 10_000, what: 'ms that a fault lasts' },
    clients: { short: 12, long: 200, what: 'connections: half write, half read' },
    channels: { short: 1, long: 2, what: 'channels of each item' },
    rounds: { short: 1, long: 2, what: 'how often the whole menu is gone through' },
    recovery: { short: 15_000, what: 'ms until everything is well again' },
    seed: { short: 0, what: 'seed of all chance; 0 draws one' },
  },
);

const USERS = 6;
const GAP_MS = 30;
const SETTLE_MS = 30_000;

const verdict = new Verdict('chaos-menu');
const chance = settings.seed === 0 ? Seeded.forTest('chaos-menu') : new Seeded(settings.seed);

/** One line of the driver: what is started, and what is looked at besides. */
interface Course {
  readonly name: string;
  readonly item: ChaosItem;
  /** Rows of the clients' stream and guild, and the thread of the stream. */
  readonly args: (stream: string, home: string, guild: string) => Readonly<Record<string, unknown>>;
  /** The operator's connection ends as soon as the fault is there. */
  readonly leaves?: true;
  /** Everybody is in a voice room meanwhile, and has to hear again afterwards. */
  readonly talks?: true;
  /** LONG=1 only. */
  readonly isLong?: true;
}

const AT_ONCE: ReadonlySet<ChaosItem> = new Set(['kill-actor', 'kill-thread', 'kill-media']);
const forMs = settings.ms;
/** Beyond what the watchdog waits for. */
const hungMs = Math.max(6_500, forMs);
const MENU: readonly Course[] = [
  { name: 'kill-actor', item: 'kill-actor', args: (id) => ({ id }) },
  { name: 'kill-thread shard', item: 'kill-thread', args: (_id, home) => ({ id: home }) },
  { name: 'kill-thread store', item: 'kill-thread', args: () => ({ id: 'store' }) },
  {
    name: 'delay-mailbox',
    item: 'delay-mailbox',
    args: (id) => ({ id, forMs, delayMs: 150 }),
  },
  { name: 'drop-mailbox', item: 'drop-mailbox', args: (id) => ({ id, forMs, share: 0.3 }) },
  {
    name: 'stall-thread shard, replaced',
    item: 'stall-thread',
    args: (_id, home) => ({ id: home, forMs: hungMs }),
  },
  {
    name: 'stall-thread gateway, and the operator leaves',
    item: 'stall-thread',
    args: () => ({ id: 'gateway-0', forMs: Math.min(forMs, 3_000) }),
    leaves: true,
  },
  { name: 'freeze-store', item: 'freeze-store', args: () => ({ forMs }) },
  { name: 'fill-disk', item: 'fill-disk', args: () => ({ forMs }) },
  {
    name: 'cut-lane hold',
    item: 'cut-lane',
    args: (_id, home) => ({ id: 'gateway-0', to: home, mode: 'hold', forMs }),
  },
  {
    name: 'cut-lane break',
    item: 'cut-lane',
    args: (_id, home) => ({ id: 'gateway-0', to: home, mode: 'break', forMs }),
  },
  {
    name: 'cut-lane break to the store, and the operator leaves',
    item: 'cut-lane',
    args: (_id, home) => ({ id: home, to: 'store', mode: 'break', forMs }),
    leaves: true,
  },
  {
    name: 'delay-mailbox fan-out',
    item: 'delay-mailbox',
    args: () => ({ id: 'gateway-0/fan-out', forMs, delayMs: 150 }),
  },
  {
    name: 'kill-thread reader',
    item: 'kill-thread',
    args: () => ({ id: 'reader-0' }),
    isLong: true,
  },
  {
    name: 'kill-actor log-writer',
    item: 'kill-actor',
    args: () => ({ id: 'store/log-writer' }),
    isLong: true,
  },
  {
    name: 'delay-mailbox log-writer',
    item: 'delay-mailbox',
    args: () => ({ id: 'store/log-writer', forMs, delayMs: 400 }),
    isLong: true,
  },
  {
    name: 'drop-mailbox log-writer',
    item: 'drop-mailbox',
    args: () => ({ id: 'store/log-writer', forMs, share: 0.2 }),
    isLong: true,
  },
  {
    name: 'kill-actor guild',
    item: 'kill-actor',
    args: (_id, _home, guild) => ({ id: guild }),
    isLong: true,
  },
  {
    name: 'drop-mailbox guild',
    item: 'drop-mailbox',
    args: (_id, _home, guild) => ({ id: guild, forMs, share: 0.5 }),
    isLong: true,
  },
  {
    name: 'drop-mailbox, all',
    item: 'drop-mailbox',
    args: (id) => ({ id, forMs, share: 1 }),
    isLong: true,
  },
  {
    name: 'stall-thread store, replaced',
    item: 'stall-thread',
    args: () => ({ id: 'store', forMs: hungMs }),
    isLong: true,
  },
  {
    name: 'freeze-store, replaced',
    item: 'freeze-store',
    args: () => ({ forMs: hungMs }),
    isLong: true,
  },
  {
    name: 'cut-lane hold to the store',
    item: 'cut-lane',
    args: (_id, home) => ({ id: home, to: 'store', mode: 'hold', forMs }),
    isLong: true,
  },
  {
    name: 'cut-lane break between shards',
    item: 'cut-lane',
    args: () => ({ id: 'shard-0', to: 'shard-1', mode: 'break', forMs }),
    isLong: true,
  },
  { name: 'kill-media', item: 'kill-media', args: () => ({}), talks: true },
];
const COURSES = MENU.filter(({ isLong }) => isLong !== true || process.env.LONG === '1');

/** The clients of one course, in channels of their own. */
class Chat {
  readonly followers: readonly Follower[];
  readonly writers: readonly Writer[];
  readonly delays = new Delays();
  readonly #port: number;
  readonly #token: string;
  readonly #sids: readonly number[];

  constructor(port: number, members: Members, sids: readonly number[], name: string) {
    this.#port = port;
    this.#sids = sids;
    const token = (i: number): string =>
      members.logins[i % members.logins.length]?.accessToken ?? '';
    this.#token = token(0);
    const common = (i: number) => ({
      port,
      token: token(i),
      sids,
      encoding: ENCODINGS[i % 4 === 3 ? 1 : 0] ?? 'mp',
    });
    const half = Math.max(1, Math.floor(settings.clients / 2));
    this.followers = Array.from({ length: half }, (_, i): Follower => {
      const follower: Follower = new Follower({
        ...common(i),
        name: `${name}-r${i}`,
        onEvent: (frame) => this.delays.take(frame[7], follower.liveSince),
      });
      return follower;
    });
    this.writers = Array.from(
      { length: half },
      (_, i) =>
        new Writer({
          ...common(i),
          name: `${name}-w${i}`,
          chance,
          inFlight: 1,
          gapMs: GAP_MS * half,
          content: (nonce) => this.delays.stamp(nonce),
        }),
    );
  }

  get acknowledged(): number {
    return this.writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  }

  async begin(): Promise<void> {
    await Promise.all(this.followers.map((one) => one.start()));
    for (const writer of this.writers) writer.start();
    await until('the clients chat', SETTLE_MS, () => this.acknowledged >= 5 || undefined);
  }

  /** Ends the writing, waits until every reader has everything, and judges. */
  async judge(name: string): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.finish()));
    const histories = await this.#histories();
    for (const { head, sid } of histories) {
      await Promise.all(this.followers.map((one) => one.reached(sid, head, SETTLE_MS)));
    }
    await Promise.all(this.followers.map((one) => one.stop()));
    const everyone = [...this.writers, ...this.followers];
    const connections = everyone.flatMap((one) => one.traces);
    const throughout = this.followers.map((one) => one.options.name);
    for (const one of check({ connections, histories, throughout })) {
      verdict.violation(
        `${name}: ${one.invariant} ${one.client}#${one.conn} ${one.sid}: ${one.what}`,
      );
    }
    for (const why of this.writers.flatMap((writer) => writer.failures))
      verdict.violation(`${name}: writer: ${why}`);
    for (const code of everyone.flatMap((one) => one.closes))
      if (code !== 1000 && code !== 1005 && code !== 1006)
        verdict.violation(`${name}: a connection was closed with ${code}`);
  }

  /** For a run that failed: nobody tries again. */
  async giveUp(): Promise<void> {
    for (const writer of this.writers) {
      writer.failures.push('the run is over');
      writer.client?.socket.cut();
    }
    await Promise.all(this.followers.map((one) => one.stop()));
  }

  async #histories(): Promise<StreamHistory[]> {
    const reader = await RawClient.open({ port: this.#port });
    await reader.first(OP.hello);
    await reader.identify(this.#token);
    const histories: StreamHistory[] = [];
    for (const sid of this.#sids) histories.push(await readHistory(reader, sid));
    reader.socket.cut();
    return histories;
  }

  /** The largest delay of a message from its first attempt on. */
  get longestMs(): number {
    return this.delays.result().maxMs;
  }
}

class ChaosMenu {
  readonly #server: ServerProcess;
  readonly #members: Members;
  #pid: number;
  #courses = 0;
  #chat: Chat | undefined;
  #talk: VoiceCrowd | undefined;

  private constructor(server: ServerProcess, members: Members) {
    this.#server = server;
    this.#members = members;
    this.#pid = server.serverPid;
  }

  static async begin(): Promise<ChaosMenu> {
    const server = await ServerProcess.start({
      env: {
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_GATEWAY_THREADS: '2',
        DRIFTWAY_SHARD_THREADS: '2',
        DRIFTWAY_CHAOS_ENABLED: 'on',
        DRIFTWAY_VOICE_PORT: '0',
        DRIFTWAY_VOICE_WORKERS: '1',
      },
    });
    const courses = COURSES.length * Math.max(1, settings.rounds);
    const members = await makeMembers(server.port, USERS, courses * settings.channels);
    return new ChaosMenu(server, members);
  }

  async run(): Promise<void> {
    await this.#refused();
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const [i, course] of COURSES.entries()) {
        const at = (round * COURSES.length + i) * settings.channels;
        await this.#take(course, this.#members.sids.slice(at, at + settings.channels));
      }
    }
  }

  async dispose(): Promise<void> {
    this.#talk?.stop();
    await this.#chat?.giveUp();
    await this.#server.dispose();
    closeRtc();
  }

  #connect(): Promise<AdminClient> {
    const socketPath = join(this.#server.dataDir, 'admin.sock');
    return AdminClient.connect({ socketPath, client: 'chaos-menu' });
  }

  /** What must not begin. */
  async #refused(): Promise<void> {
    const admin = await this.#connect();
    const codeOf = async (args: Readonly<Record<string, unknown>>): Promise<string> => {
      return await admin.call('chaos.start', args).then(
        () => 'begun',
        (error: { readonly code?: string }) => error.code ?? 'unknown',
      );
    };
    const wanted: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
      [{ item: 'kill-media' }, 'not_available'],
      [{ item: 'stall-thread', id: 'main' }, 'forbidden'],
      [{ item: 'kill-thread', id: 'gateway-0' }, 'forbidden'],
      [{ item: 'stall-thread', id: 'gateway-0', forMs: 5_000 }, 'forbidden'],
      [{ item: 'kill-actor', id: 'shard-0/stream/4711' }, 'not_found'],
      [{ item: 'kill-thread', id: 'shard-0', limit: 1 }, 'too_large'],
      [{ item: 'freeze-store', forMs: 3_600_000 }, 'invalid'],
    ];
    for (const [args, code] of wanted) {
      const got = await codeOf(args);
      if (got !== code) verdict.violation(`${JSON.stringify(args)}: got ${got}, wanted ${code}`);
    }
    await admin.close();
  }

  async #take(course: Course, sids: readonly number[]): Promise<void> {
    const { name } = course;
    const chat = new Chat(this.#server.port, this.#members, sids, `c${this.#courses}`);
    this.#courses += 1;
    this.#chat = chat;
    await chat.begin();
    if (course.talks === true) await this.#beginTalk();
    const admin = await this.#connect();
    const rows = await rowsOf(admin, sids[0] ?? 0);
    const before = nowMs();
    const talkedMs = performance.now();
    const args = {
      item: course.item,
      limit: 100_000,
      ...course.args(rows.stream, rows.stream.split('/')[1] ?? '', rows.guild),
    };
    const result =
      course.leaves === true
        ? await this.#leaving(admin, args)
        : await admin.call<ChaosResult>('chaos.start', { ...args, wait: true });
    await admin.close();
    if (course.talks === true) await this.#hearAgain(name, talkedMs);
    const acknowledged = chat.acknowledged;
    await until(
      `${name}: the clients chat again`,
      SETTLE_MS,
      () => chat.acknowledged > acknowledged || undefined,
    );
    await chat.judge(name);
    this.#look(course, result, chat, nowMs() - before);
  }

  async #beginTalk(): Promise<void> {
    const { logins } = this.#members;
    this.#talk = await VoiceCrowd.create({
      port: this.#server.port,
      people: logins.length,
      perRoom: logins.length,
      members: this.#members,
    });
  }

  /** Everybody hears a stream that began after `sinceMs`; then they hang up. */
  async #hearAgain(name: string, sinceMs: number): Promise<void> {
    const talk = this.#talk;
    if (talk === undefined) throw new TypeError(`${name}: nobody talks`);
    const times = await until(`${name}: everybody hears again`, SETTLE_MS, () => {
      const all = talk.hearingAgain(sinceMs);
      return all.every(Number.isFinite) ? all : undefined;
    });
    const closed = talk.clients.filter(({ raw }) => !raw.isOpen).length;
    if (closed > 0) verdict.violation(`${name}: ${closed} connections of talkers were closed`);
    const slowest = `${(Math.max(...times) / 1000).toFixed(2)} s`;
    verdict.progress(`${name}: ${times.length} peers hear again, the slowest after ${slowest}`);
    talk.stop();
    this.#talk = undefined;
  }

  /** Starts, hangs up, and waits for the written result. */
  async #leaving(
    admin: AdminClient,
    args: Readonly<Record<string, unknown>>,
  ): Promise<ChaosResult> {
    const before = await admin.call<{ last: string | null }>('chaos.status', {});
    await admin.call('chaos.start', args);
    await admin.close();
    const again = await this.#connect();
    const name = await until('the result is written', 120_000, async () => {
      const { last, running } = await again.call<{ last: string | null; running: unknown }>(
        'chaos.status',
        {},
      );
      return running === null && last !== before.last ? (last ?? undefined) : undefined;
    });
    await again.close();
    const file = join(this.#server.dataDir, 'chaos', `${name}.json`);
    if (!existsSync(file)) verdict.violation(`${name}: no file`);
    return JSON.parse(readFileSync(file, 'utf8')) as ChaosResult;
  }

  #look({ item, name }: Course, result: ChaosResult, chat: Chat, tookMs: number): void {
    const { canary, endedBy, recoveryMs, tree } = result;
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
    verdict.progress(
      [
        name.padEnd(32),
        `recovery ${recoveryMs === null ? 'NEVER' : seconds(recoveryMs)}`,
        `lost ${result.lost} repeated ${result.repeated} reordered ${result.reordered}`,
        `canary ${canary.acknowledged}/${canary.sent}, refused ${canary.refused}, unanswered ${canary.unanswered}`,
        `clients ${chat.acknowledged}, slowest ${seconds(chat.longestMs)}`,
        `fell ${tree.threadsDown.join(' ') || '-'}`,
        `took ${seconds(tookMs)}`,
      ].join('; '),
    );
    if (result.verdict !== 'clean') verdict.violation(`${name}: its result says ${result.verdict}`);
    if (endedBy !== 'time' && !AT_ONCE.has(item))
      verdict.violation(`${name}: ended by ${endedBy}, wanted time`);
    const isOver = recoveryMs === null || recoveryMs > settings.recovery;
    if (isOver) verdict.violation(`${name}: recovery took ${recoveryMs} ms`);
    if (this.#server.serverPid !== this.#pid) {
      verdict.violation(`${name}: the server process was replaced`);
      this.#pid = this.#server.serverPid;
    }
  }
}

/** Rows of a channel's stream and of its guild. */
async function rowsOf(
  admin: AdminClient,
  sid: number,
): Promise<{ readonly stream: string; readonly guild: string }> {
  const found = await admin.call<{
    readonly stream: { readonly id: string };
    readonly guild: { readonly id: string };
  }>('where', { what: 'channel', sid });
  return { stream: found.stream.id, guild: found.guild.id };
}

await runToEnd(verdict, await ChaosMenu.begin());
