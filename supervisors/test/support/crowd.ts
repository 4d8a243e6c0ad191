/**
 * Writers and observers on a few channels of one server, and the verdict of the checker over all
 * their frame logs plus a final HISTORY. Runs in the test process; must never import product code.
 */
import { check, describeViolations, type StreamHistory } from '../checker.ts';
import type { Violation } from '../checker-wire.ts';
import { Follower } from './follower.ts';
import { HttpClient, type Login } from './http-client.ts';
import { ENCODINGS, RawClient } from './raw-client.ts';
import type { Seeded } from './seeded.ts';
import { pause } from './server-process.ts';
import { asArray, OP, type WireFrame } from './wire.ts';
import { Writer } from './writer.ts';

export interface CrowdOptions {
  readonly port: number;
  readonly writers: number;
  readonly observers: number;
  readonly channels: number;
  readonly chance: Seeded;
  /** Messages under way per writer (default 2). */
  readonly inFlight?: number;
  /** Largest pause of a writer's lane (default 40). */
  readonly gapMs?: number;
}

/** Users who are all members of one guild. */
export interface Members {
  readonly logins: readonly Login[];
  readonly gid: number;
  readonly sids: readonly number[];
}

/** Registers users (`name`_0 ...), the first of whom owns a guild with `channels` text channels that all join. */
export async function makeMembers(
  port: number,
  users: number,
  channels: number,
  name = 'user',
): Promise<Members> {
  const http = new HttpClient(port);
  try {
    const logins: Login[] = [];
    for (let i = 0; i < users; i += 4) {
      const names = Array.from({ length: Math.min(4, users - i) }, (_, j) => `${name}_${i + j}`);
      logins.push(...(await Promise.all(names.map((name) => http.register(name)))));
    }
    const owner = logins[0]!.accessToken;
    const { gid, sids } = await http.guild(owner, channels);
    await http.join(
      owner,
      gid,
      logins.slice(1).map((login) => login.accessToken),
    );
    return { logins, gid, sids };
  } finally {
    http.close();
  }
}

/** HISTORY over the whole stream, in pages of 200. */
export async function readHistory(client: RawClient, sid: number): Promise<StreamHistory> {
  const events: WireFrame[] = [];
  let anchor = 1;
  let before = 1;
  for (;;) {
    const result = await client.ask(OP.history, [sid, anchor, before, 200 - before], 20_000);
    const [epoch, first, head] = result as readonly number[] as readonly [number, number, number];
    const page = asArray(result[3], 'HISTORY events') as WireFrame[];
    events.push(...page);
    const last = Number(events.at(-1)?.[3] ?? 0);
    if (page.length === 0 || last >= head) return { sid, epoch, first, head, events };
    anchor = last;
    before = 0;
  }
}

export class Crowd {
  readonly members: Members;
  readonly writers: readonly Writer[];
  readonly observers: readonly Follower[];
  readonly #port: number;
  #histories: StreamHistory[] = [];

  private constructor(options: CrowdOptions, members: Members) {
    this.members = members;
    this.#port = options.port;
    const { port, chance } = options;
    const common = (index: number) => ({
      port,
      token: members.logins[index % members.logins.length]!.accessToken,
      encoding: ENCODINGS[index % 4 === 3 ? 1 : 0]!,
      sids: members.sids,
    });
    this.writers = Array.from({ length: options.writers }, (_, i) => {
      const { inFlight = 2, gapMs = 40 } = options;
      return new Writer({ ...common(i), name: `writer-${i}`, chance, inFlight, gapMs });
    });
    this.observers = Array.from({ length: options.observers }, (_, i) => {
      return new Follower({ ...common(i), name: `observer-${i}` });
    });
  }

  /** Users, guild and connections; the observers are subscribed, the writers do not write yet. */
  static async create(options: CrowdOptions): Promise<Crowd> {
    const users = Math.min(options.writers, 20);
    const members = await makeMembers(options.port, users, options.channels);
    const crowd = new Crowd(options, members);
    await Promise.all(crowd.observers.map((observer) => observer.start()));
    return crowd;
  }

  write(): void {
    for (const writer of this.writers) writer.start();
  }

  /** Every observer has a live connection again. */
  async resumed(timeoutMs = 30_000): Promise<void> {
    await Promise.all(this.observers.map((observer) => observer.subscribed(timeoutMs)));
  }

  get acknowledged(): number {
    return this.writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  }

  /** Close codes that any client saw. */
  get closes(): number[] {
    return [...this.writers, ...this.observers].flatMap((one) => one.closes);
  }

  /** ERR codes that made a writer try again. */
  get retried(): Map<number, number> {
    const all = new Map<number, number>();
    for (const writer of this.writers) {
      for (const [code, count] of writer.retried) all.set(code, (all.get(code) ?? 0) + count);
    }
    return all;
  }

  /** Ends the writing, waits until every observer has everything, and gives the checker's verdict. */
  async verdict(timeoutMs = 30_000): Promise<Violation[]> {
    const done = Promise.all(this.writers.map((writer) => writer.finish())).then(() => true);
    const late = pause(timeoutMs).then(() => false);
    if (!(await Promise.race([done, late]))) {
      const stuck = this.writers.flatMap((writer) => [...writer.pending]);
      throw new Error(`not acknowledged within ${timeoutMs} ms: ${JSON.stringify(stuck)}`);
    }
    const failures = this.writers.flatMap((writer) => writer.failures);
    if (failures.length > 0) throw new Error(`writers failed: ${failures.slice(0, 5).join('; ')}`);
    this.#histories = await this.#readAll();
    for (const { sid, head } of this.#histories) {
      await Promise.all(this.observers.map((observer) => observer.reached(sid, head, timeoutMs)));
    }
    return check({
      connections: [...this.writers, ...this.observers].flatMap((one) => one.traces),
      histories: this.#histories,
      throughout: this.observers.map((observer) => observer.options.name),
    });
  }

  /** I5 at this moment: what was acknowledged up to now and is not in HISTORY. Writers may go on meanwhile. */
  async lostSoFar(): Promise<Violation[]> {
    const connections = this.writers
      .flatMap((writer) => writer.traces)
      .map((trace) => ({ ...trace, entries: [...trace.entries] }));
    const histories = await this.#readAll();
    return check({ connections, histories }).filter((one) => one.invariant === 'I5');
  }

  async #readAll(): Promise<StreamHistory[]> {
    const reader = await RawClient.open({ port: this.#port });
    await reader.first(OP.hello);
    await reader.identify(this.members.logins[0]!.accessToken);
    const histories: StreamHistory[] = [];
    for (const sid of this.members.sids) histories.push(await readHistory(reader, sid));
    reader.socket.cut();
    return histories;
  }

  /** One line for the test's output. */
  summary(): string {
    const events = this.#histories.reduce((sum, history) => sum + history.head, 0);
    const connections = [...this.writers, ...this.observers].flatMap((one) => one.traces).length;
    const retried = JSON.stringify(Object.fromEntries(this.retried));
    return `${this.acknowledged} acknowledged, ${events} events, ${connections} connections, retried ${retried}`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.observers.map((observer) => observer.stop()));
  }
}

/** Throws with the list when there are violations. */
export function expectClean(violations: readonly Violation[]): void {
  if (violations.length > 0) throw new Error(describeViolations(violations));
}
