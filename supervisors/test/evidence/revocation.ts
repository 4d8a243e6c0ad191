/**
 * The revocation race (protocol.md I14, case 20), again and again: a member who reads a busy channel loses the right to
 * view it (an overwrite, a role, a kick) while it also asks for it in every other way. SUBEND comes within a second, and
 * after it nothing of that stream, on no connection and to no request. Starts its own server; exits with 1 on a leak.
 */
import { makeMembers } from '../support/crowd.ts';
import { percentile, readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { HttpClient, type Login } from '../support/http-client.ts';
import { ENCODINGS, nowMs, RawClient } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, ServerProcess } from '../support/server-process.ts';
import { OP, type WireFrame } from '../support/wire.ts';
import { Writer } from '../support/writer.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/revocation.ts [options]\n\nRights are taken away under traffic; nothing may leak.',
  {
    rounds: { short: 60, long: 1000, what: 'revocations' },
    members: {
      short: 6,
      long: 10,
      what: 'members who lose and get back their rights, at the same time',
    },
    rate: { short: 50, what: 'messages per second in each channel' },
    quiet: { short: 100, long: 200, what: 'ms to listen for leaks after each SUBEND' },
  },
);

/** protocol.md I14: SUBEND, and the last event, within this of the commit. */
const GRACE_MS = 1000;
const VIEW = '1';
const MARK = 37;
const ABSENT = 8_888_888_888_888_888;

const verdict = new Verdict('revocation');

/** How a right is taken and given back. */
interface Way {
  readonly name: string;
  readonly sid: number;
  take(victim: Login): Promise<void>;
  give(victim: Login): Promise<void>;
}

class Revocation {
  readonly #server: ServerProcess;
  readonly #http: HttpClient;
  readonly #writers: Writer[] = [];
  readonly #subendMs: number[] = [];
  readonly #lastEventMs: number[] = [];
  #rounds = 0;
  #events = 0;
  #owner = '';

  constructor(server: ServerProcess) {
    this.#server = server;
    this.#http = new HttpClient(server.port);
  }

  async run(): Promise<void> {
    const members = await makeMembers(this.#server.port, settings.members + 1, 2);
    const [owner, ...victims] = members.logins;
    this.#owner = owner!.accessToken;
    const ways = await this.#ways(members.gid, members.sids);
    for (const [i, sid] of members.sids.entries()) this.#write(i, sid);
    await Promise.all(victims.map((victim, i) => this.#victim(victim, ways[i % ways.length]!, i)));
    await Promise.all(this.#writers.map((writer) => writer.finish()));
    this.#print();
  }

  async dispose(): Promise<void> {
    this.#http.close();
    await this.#server.dispose();
  }

  #write(i: number, sid: number): void {
    const writer = new Writer({
      name: `writer-${i}`,
      port: this.#server.port,
      token: this.#owner,
      sids: [sid],
      encoding: 'mp',
      chance: new Seeded(i),
      inFlight: 1,
      gapMs: 1000 / settings.rate,
      isSteady: true,
    });
    this.#writers.push(writer);
    writer.start();
  }

  async #act(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ code?: string; id?: string }> {
    const call = { method, token: this.#owner, ...(body === undefined ? {} : { body }) };
    const answer = await this.#http.api(path, call);
    // What is to be taken away may not be there yet.
    const isGone = method === 'DELETE' && answer.status === 404;
    if (answer.status >= 300 && !isGone)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return (answer.body ?? {}) as { code?: string; id?: string };
  }

  /** Overwrites and kicks in the first channel; in the second only a role may view. */
  async #ways(gid: number, [open, closed]: readonly number[]): Promise<readonly Way[]> {
    const role = await this.#act('POST', `/guilds/${gid}/roles`, { name: 'readers' });
    const overwrite = (sid: number, target: string | number): string =>
      `/channels/${sid}/overwrites/${target}`;
    await this.#act('PUT', overwrite(closed!, gid), { type: 'role', deny: VIEW });
    await this.#act('PUT', overwrite(closed!, role.id!), { type: 'role', allow: VIEW });
    const roles = (victim: Login, list: readonly string[]) =>
      this.#act('PATCH', `/guilds/${gid}/members/${victim.id}`, { roles: list });
    const { code } = await this.#act('POST', `/guilds/${gid}/invites`, {});
    return [
      {
        name: 'overwrite',
        sid: open!,
        take: async ({ id }) => {
          await this.#act('PUT', overwrite(open!, id), { type: 'member', deny: VIEW });
        },
        give: async ({ id }) => {
          await this.#act('DELETE', overwrite(open!, id));
        },
      },
      {
        name: 'role',
        sid: closed!,
        take: async (victim) => {
          await roles(victim, []);
        },
        give: async (victim) => {
          await roles(victim, [role.id!]);
        },
      },
      {
        name: 'kick',
        sid: open!,
        take: async ({ id }) => {
          await this.#act('DELETE', `/guilds/${gid}/members/${id}`);
        },
        give: async ({ accessToken }) => {
          await this.#http.want(200, `/invites/${code}`, { method: 'POST', token: accessToken });
        },
      },
    ];
  }

  async #victim(victim: Login, way: Way, index: number): Promise<void> {
    const encoding = ENCODINGS[index % ENCODINGS.length]!;
    const open = async (): Promise<RawClient> => {
      const client = await RawClient.open({ port: this.#server.port, encoding });
      await client.first(OP.hello);
      await client.identify(victim.accessToken);
      return client;
    };
    const [reader, racer] = [await open(), await open()];
    const share = Math.ceil(settings.rounds / settings.members);
    for (let round = 0; round < share && this.#rounds < settings.rounds; round += 1) {
      this.#rounds += 1;
      await way.give(victim);
      await this.#round(victim, way, reader, racer);
      if (this.#rounds % Math.max(1, Math.floor(settings.rounds / 10)) === 0) {
        verdict.progress(
          `${this.#rounds} revocations, ${this.#events} events delivered before them`,
        );
      }
    }
    reader.socket.cut();
    racer.socket.cut();
  }

  async #round(victim: Login, way: Way, reader: RawClient, racer: RawClient): Promise<void> {
    const { sid } = way;
    const blame = (what: string): void =>
      verdict.violation(`${way.name}, ${victim.username}: ${what}`);
    const watches = [reader, racer].map((client) => new Watch(client, sid));
    const [entry] = await reader.sub([[sid]]);
    if (entry?.[1] !== 0)
      return blame(`not subscribed after the right was given: ${JSON.stringify(entry)}`);
    await reader.waitFor((frame) => frame[0] === OP.ev && frame[1] === sid, 'an event', 5000);
    const [, , epoch, seq, ts] = entry as readonly number[];
    // Asked in the moments around the commit: any of these may still be granted, but nothing after SUBEND.
    const racing = [
      racer.request(OP.sub, [[[sid, epoch!, Math.max(0, seq! - 20), seq! > 20 ? 1 : 0]]]),
      racer.request(OP.history, [sid, 0, 5, 0]),
    ];
    const before = Date.now();
    const taken = way.take(victim);
    racing.push(
      reader.request(OP.sub, [[[sid, epoch!, seq!, ts!]]]),
      reader.request(OP.history, [sid, 0, 5, 0]),
    );
    await taken;
    const after = { date: Date.now(), at: nowMs() };
    await Promise.all(racing);
    await watches[0]!.ended(GRACE_MS + 1000).catch(() => blame('no SUBEND'));
    this.#subendMs.push(Math.max(0, watches[0]!.endedAt - after.at));
    if (watches[0]!.endedAt - after.at > GRACE_MS)
      blame(`SUBEND ${watches[0]!.endedAt - after.at} ms late`);
    await this.#refused(reader, sid, blame);
    await pause(settings.quiet);
    for (const watch of watches) {
      this.#events += watch.events;
      if (watch.leaks > 0) blame(`${watch.leaks} events after SUBEND`);
      if (watch.lastTs > after.date + GRACE_MS)
        blame(`an event ${watch.lastTs - after.date} ms after the commit`);
      this.#lastEventMs.push(watch.lastTs - before);
      watch.stop();
    }
    // A racer that was granted in the last moment must have been told too.
    const racerEnd = watches[1]!;
    if (racerEnd.events > 0 && racerEnd.endedAt === Number.POSITIVE_INFINITY)
      blame('the racer was never told');
    reader.log.length = 0;
    racer.log.length = 0;
  }

  /** Each way to ask gives what it gives for a stream that does not exist. */
  async #refused(client: RawClient, sid: number, blame: (what: string) => void): Promise<void> {
    const nonce = `no-${this.#rounds}`;
    const asks: readonly (readonly [op: number, args: (of: number) => WireFrame])[] = [
      [OP.sub, (of) => [[[of]]]],
      [OP.history, (of) => [of, 0, 5, 0]],
      [OP.append, (of) => [of, nonce, 1, 'x']],
      [OP.sync, (of) => [[[of, 1, 1]]]],
      [MARK, (of) => [of, 1]],
    ];
    for (const [op, args] of asks) {
      const [own, absent] = await Promise.all([
        client.request(op, args(sid)),
        client.request(op, args(ABSENT)),
      ]);
      const shape = (frame: WireFrame, of: number): string =>
        JSON.stringify(frame.slice(2)).replaceAll(String(of), 'SID');
      if (shape(own, sid) !== shape(absent, ABSENT)) {
        blame(`op ${op}: ${JSON.stringify(own)}, of an absent stream ${JSON.stringify(absent)}`);
      }
    }
  }

  #print(): void {
    verdict.figure('revocations', this.#rounds);
    verdict.figure('events delivered before them', this.#events);
    verdict.figure('p50 from the answer to SUBEND', percentile(this.#subendMs, 0.5), 'ms');
    verdict.figure('latest SUBEND', percentile(this.#subendMs, 1), 'ms', GRACE_MS);
    verdict.figure(
      'latest event, after the request was sent',
      percentile(this.#lastEventMs, 1),
      'ms',
      GRACE_MS,
    );
    for (const why of this.#writers.flatMap((writer) => writer.failures))
      verdict.violation(`writer: ${why}`);
    verdict.figure('leaks and wrong answers', verdict.violations.length, '', 0);
  }
}

/** What one connection gets of one stream from now on. */
class Watch {
  events = 0;
  /** Events after SUBEND. */
  leaks = 0;
  lastTs = 0;
  endedAt = Number.POSITIVE_INFINITY;
  readonly #client: RawClient;
  #told: () => void = () => {};

  constructor(client: RawClient, sid: number) {
    this.#client = client;
    client.onFrame = (frame) => {
      const inner = frame[0] === OP.batch ? (frame[1] as readonly WireFrame[]) : [frame];
      for (const one of inner) this.#take(one, sid);
    };
  }

  /** Resolves at SUBEND 301; rejects after `timeoutMs`. */
  ended(timeoutMs: number): Promise<void> {
    if (this.endedAt !== Number.POSITIVE_INFINITY) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no SUBEND')), timeoutMs);
      this.#told = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  stop(): void {
    this.#client.onFrame = () => {};
  }

  #take(frame: WireFrame, sid: number): void {
    if (frame[1] !== sid) return;
    if (frame[0] === OP.subend && frame[2] === 301) {
      this.endedAt = nowMs();
      this.#told();
    } else if (frame[0] === OP.ev) {
      this.events += 1;
      this.lastTs = Math.max(this.lastTs, frame[4] as number);
      if (this.endedAt !== Number.POSITIVE_INFINITY) this.leaks += 1;
    }
  }
}

await runToEnd(
  verdict,
  new Revocation(
    await ServerProcess.start({ env: { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' } }),
  ),
);
