/**
 * Presence in a large guild: thousands of members without sockets (support/sim-members.ts), some of whom change their
 * status all the time, and real clients that look at part of the member list. Prints what a viewing client gets per
 * second and what it costs; at the end every open leaf equals the server's list. Exits with 1 on a violation.
 */
import { type Members, makeMembers } from '../support/crowd.ts';
import { readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { FaultServer } from '../support/fault-control.ts';
import { cpuMs, residentMib } from '../support/proc.ts';
import { nowMs, RawClient } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, until } from '../support/server-process.ts';
import { OP, type WireFrame } from '../support/wire.ts';

const settings = readSettings(
  'Usage: node supervisors/test/evidence/presence.ts [options]\n\nMembers of a large guild come, go and change; clients watch.',
  {
    members: { short: 1000, long: 10_000, what: 'members without sockets, all online' },
    percent: { short: 30, long: 1, what: 'per cent of them that change per minute' },
    viewers: { short: 10, long: 100, what: 'clients with an open member window' },
    seconds: { short: 6, long: 180, what: 'how long' },
    bytes: { short: 2048, what: 'bytes per second that a viewing client may get' },
    seed: { short: 0, what: 'seed of all chance; 0 draws one' },
  },
);

const MWIN = 22;
const MWIN_OPEN = 40;
const WINDOW_ROWS = 100;
const FIRST_UID = 7_000_000_000;
const CHUNK = 1000;
/** protocol.md I19. */
const TRUTH_MS = 15_000;
const REOPEN_MS = 500;
const USERS = 5;

const verdict = new Verdict('presence');
const chance = settings.seed === 0 ? Seeded.forTest('presence') : new Seeded(settings.seed);

/** A client that keeps a member window up to date. */
class Viewer {
  bytes = 0;
  frames = 0;
  reopened = 0;
  readonly leaves = new Map<number, { ver: number; entries: string }>();
  readonly #client: RawClient;
  readonly #gid: number;
  readonly #from: number;
  #isStale = false;

  constructor(client: RawClient, gid: number, from: number) {
    this.#client = client;
    this.#gid = gid;
    this.#from = from;
    client.onFrame = (frame, raw) => {
      // The header of a WebSocket frame of this size.
      this.bytes += raw.length + (raw.length < 126 ? 2 : 4);
      client.log.length = 0;
      if (frame[0] === MWIN) this.#leaf(frame);
    };
  }

  get client(): RawClient {
    return this.#client;
  }

  /** The leaves that the server gives for this window now. */
  async ask(): Promise<WireFrame[]> {
    const result = await this.#client.ask(MWIN_OPEN, [this.#gid, 0, this.#from, WINDOW_ROWS]);
    return result[2] as WireFrame[];
  }

  async open(): Promise<void> {
    this.leaves.clear();
    for (const [leaf, ver, , entries] of await this.ask()) {
      this.leaves.set(leaf as number, { ver: ver as number, entries: JSON.stringify(entries) });
    }
  }

  #leaf(frame: WireFrame): void {
    this.frames += 1;
    const [, , , leaf, ver, entries] = frame;
    const known = this.leaves.get(leaf as number);
    const isNext = known !== undefined && (ver as number) === known.ver + 1;
    if (isNext && (entries as WireFrame).length > 0) {
      this.leaves.set(leaf as number, { ver: ver as number, entries: JSON.stringify(entries) });
    } else if (known === undefined || (ver as number) > known.ver) this.#reopen();
  }

  /** A leaf came, went or was missed. */
  #reopen(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    this.reopened += 1;
    pause(REOPEN_MS)
      .then(() => {
        this.#isStale = false;
        return this.#client.isOpen ? this.open() : undefined;
      })
      .catch((error: unknown) => verdict.violation(`viewer: ${String(error)}`));
  }
}

class Presence {
  readonly #server: FaultServer;
  readonly #viewers: Viewer[] = [];
  #members: Members | undefined;

  constructor(server: FaultServer) {
    this.#server = server;
  }

  async run(): Promise<void> {
    const { port } = this.#server.process;
    const members = await makeMembers(port, USERS, 1);
    this.#members = members;
    await this.#populate(members.gid);
    await this.#look(port, members);
    const quiet = await this.#measure('nobody changes', 0);
    const busy = await this.#measure(
      'members change',
      (settings.members * settings.percent) / 6000,
    );
    verdict.figure('CPU of the server while nobody changes', quiet.cpu, '% of a core');
    verdict.figure('CPU of the server while members change', busy.cpu, '% of a core');
    verdict.figure('changes', busy.changes);
    verdict.figure('bytes per second and viewing client', busy.mean, 'B/s', settings.bytes);
    verdict.figure('of the one that got most', busy.most, 'B/s');
    verdict.figure('MWIN per second and viewing client', busy.frames, '1/s');
    verdict.figure(
      'windows opened again',
      this.#viewers.reduce((sum, one) => sum + one.reopened, 0),
    );
    await this.#truth();
    verdict.figure('memory of the server', residentMib(this.#server.process.serverPid), 'MiB');
  }

  async dispose(): Promise<void> {
    for (const viewer of this.#viewers) viewer.client.socket.cut();
    await this.#server.dispose();
  }

  async #populate(gid: number): Promise<void> {
    for (let done = 0; done < settings.members; done += CHUNK) {
      const count = Math.min(CHUNK, settings.members - done);
      await this.#server.do({ op: 'simWrite', gid, from: FIRST_UID + done, count });
    }
    await this.#server.do({ op: 'killEntity', entity: 'guild', key: gid });
    let online = 0;
    for (let done = 0; done < settings.members; done += CHUNK) {
      const count = Math.min(CHUNK, settings.members - done);
      online += await this.#server.do<number>({ op: 'simConnect', from: FIRST_UID + done, count });
    }
    if (online !== settings.members)
      verdict.violation(`${online} of ${settings.members} are online`);
    verdict.progress(
      `${online} members are online, RSS ${residentMib(this.#server.process.serverPid).toFixed(0)} MiB`,
    );
  }

  async #look(port: number, { logins, gid }: Members): Promise<void> {
    for (let i = 0; i < settings.viewers; i += 1) {
      const client = await RawClient.open({ port });
      await client.first(OP.hello);
      await client.identify(logins[i % logins.length]!.accessToken);
      const viewer = new Viewer(client, gid, chance.between(0, settings.members - WINDOW_ROWS));
      await viewer.open();
      this.#viewers.push(viewer);
    }
    const [viewer] = this.#viewers;
    await until('the members are shown as online', 60_000, async () => {
      const rows = (await viewer!.ask()).flatMap((leaf) => leaf[3] as WireFrame[]);
      return rows.every((row) => row[3] === 1) || undefined;
    });
    for (const one of this.#viewers) await one.open();
    verdict.progress(`${settings.viewers} clients look`);
  }

  async #measure(what: string, changesPerS: number) {
    const pid = this.#server.process.serverPid;
    const before = { cpu: cpuMs(pid), at: nowMs() };
    for (const viewer of this.#viewers) {
      viewer.bytes = 0;
      viewer.frames = 0;
    }
    let changes = 0;
    while (nowMs() - before.at < settings.seconds * 1000) {
      await pause(changesPerS === 0 ? 200 : Math.min(200, 500 / changesPerS));
      if (changes >= ((nowMs() - before.at) / 1000) * changesPerS) continue;
      changes += 1;
      const uid = FIRST_UID + chance.between(0, settings.members - 1);
      const status = chance.pick([0, 1, 2, 3] as const);
      await this.#server.do({ op: 'simStatus', uid, status });
    }
    const seconds = (nowMs() - before.at) / 1000;
    const rates = this.#viewers.map((viewer) => viewer.bytes / seconds);
    const frames = this.#viewers.reduce((sum, viewer) => sum + viewer.frames, 0);
    verdict.progress(`${what}: ${changes} changes in ${seconds.toFixed(0)} s`);
    return {
      changes,
      cpu: (cpuMs(pid) - before.cpu) / seconds / 10,
      mean: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
      most: Math.max(...rates),
      frames: frames / rates.length / seconds,
    };
  }

  /** I19: what each viewer shows is what a new connection is given. */
  async #truth(): Promise<void> {
    await pause(TRUTH_MS);
    let wrong = 0;
    let compared = 0;
    for (const viewer of this.#viewers) {
      const shown = new Map(viewer.leaves);
      for (const [leaf, , , entries] of await viewer.ask()) {
        // Rows have moved between leaves meanwhile: the same place may be another leaf's now.
        const own = shown.get(leaf as number);
        if (own === undefined) continue;
        compared += 1;
        if (own.entries !== JSON.stringify(entries)) wrong += 1;
      }
    }
    verdict.figure('open leaves compared', compared);
    verdict.figure('open leaves that differ from the list, 15 s later', wrong, '', 0);
  }
}

await runToEnd(verdict, new Presence(await FaultServer.start()));
