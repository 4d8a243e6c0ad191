/**
 * Test rig of the domain: streams, guilds and users as actors of the real runtime on this thread, over
 * a memory store, with a gateway that remembers what it heard. Tests only.
 */
import {
  call,
  defineActor,
  entity,
  type From,
  NOREPLY,
  name,
  type Ref,
  reply,
  spawn,
  stop,
  systemRng,
} from '../../runtime/index.ts';
import { createAccounts } from '../accounts.ts';
import { type HostedChannels, hostChannels } from '../host.ts';
import { createPasswords } from '../passwords.ts';
import { StoreError } from '../store/index.ts';
import type {
  Accounts,
  DocStore,
  FanOutP,
  Grant,
  GuildP,
  Id,
  Result,
  Store,
  StreamP,
  UserP,
} from '../types.ts';
import { decode, FaultLog, HandClock, jsonCodec, makeStore } from './kit.ts';

export const guild = (gid: Id) => entity<GuildP>('guild', gid);
export const stream = (sid: Id) => entity<StreamP>('stream', sid);
export const user = (uid: Id) => entity<UserP>('user', uid);

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`got ${result.code}`);
  return result.value;
}

/** A gateway that tells what it hears to whoever waits for it. */
export interface TestFanOutP extends FanOutP {
  /** The next message of an op. */
  next(op: string): unknown;
  /** Notices heard since the last call, in order. */
  notices(): readonly Parameters<FanOutP['ephemeral']>[0][];
}

interface FanOutState {
  waiting: { readonly op: string; readonly from: From }[];
  notices: Parameters<FanOutP['ephemeral']>[0][];
}

function note(op: string) {
  return (s: FanOutState, m: unknown): void => {
    for (const waiter of s.waiting) if (waiter.op === op) reply(waiter.from, m);
    s.waiting = s.waiting.filter((waiter) => waiter.op !== op);
  };
}

const TestFanOut = defineActor<TestFanOutP, FanOutState, null>({
  init: () => ({ waiting: [], notices: [] }),
  handle: {
    attached: note('attached'),
    publish: note('publish'),
    chunk: note('chunk'),
    head: note('head'),
    ephemeral: (s, m) => {
      s.notices.push(m);
      note('ephemeral')(s, m);
    },
    notices: (s) => s.notices.splice(0),
    revoke: note('revoke'),
    closeConn: note('closeConn'),
    loginRevoked: note('loginRevoked'),
    windowOpened: note('windowOpened'),
    leaves: note('leaves'),
    windowEnd: note('windowEnd'),
    windowsLost: note('windowsLost'),
    whoIs: note('whoIs'),
    tellAll: note('tellAll'),
    next: (s, op, ctx) => {
      if (ctx.from !== undefined) s.waiting.push({ op, from: ctx.from });
      return NOREPLY;
    },
  },
});

function lost(): StoreError {
  return new StoreError('DRIFT_CHANNELS_STORE_UNKNOWN', 'write: the store thread died');
}

/** What becomes of the next document write. */
export type DocFault = 'unavailable' | 'rejectBefore' | 'rejectAfter';

/** The domain of one test file. */
export class Domain {
  readonly #inner = makeStore();
  readonly docFaults: DocFault[] = [];
  /** While set, every read and write of documents rejects. */
  docsDown = false;
  readonly log = new FaultLog(this.#inner.log);
  readonly store: Store = {
    log: this.log,
    docs: this.#faulty(),
    close: () => this.#inner.close(),
  };
  readonly clock = new HandClock();
  readonly accounts: Accounts;
  fanOut = 0 as unknown as Ref<TestFanOutP>;
  #hosted: HostedChannels | undefined;
  #people = 0;

  constructor() {
    this.accounts = this.makeAccounts('open');
  }

  #faulty(): DocStore {
    const inner = this.#inner.docs;
    const check = (): void => {
      if (this.docsDown) throw lost();
    };
    return {
      get: async <T>(kind: string, keys: readonly string[]) => {
        check();
        return await inner.get<T>(kind, keys);
      },
      find: async <T>(kind: string, unique: string) => {
        check();
        return await inner.find<T>(kind, unique);
      },
      list: async <T>(kind: string, prefix: string, after: string | undefined, limit: number) => {
        check();
        return await inner.list<T>(kind, prefix, after, limit);
      },
      write: async (batch) => {
        check();
        // Faults hit changes of guilds and dms only: what their outboxes do beside must not use them up.
        const aimed = batch.some(({ kind }) => kind === 'guild' || kind === 'dm');
        const fault = aimed ? this.docFaults.shift() : undefined;
        if (fault === 'unavailable') return { ok: false, why: 'unavailable', retryMs: 10 };
        if (fault === 'rejectBefore') throw lost();
        const result = await inner.write(batch);
        if (fault === 'rejectAfter') throw lost();
        return result;
      },
    };
  }

  async start(): Promise<void> {
    this.fanOut = await spawn(TestFanOut, null, { name: name<TestFanOutP>('fan-out') });
    await this.host();
  }

  async stop(): Promise<void> {
    await this.unhost();
    await stop(this.fanOut, 'shutdown');
  }

  async host(): Promise<void> {
    const { store, clock } = this;
    const numbers = { slotNumber: 1, replayMax: 5000, accessTokenTtlMs: 900_000 };
    this.#hosted = await hostChannels({
      store,
      clock,
      codec: jsonCodec,
      rng: systemRng,
      ...numbers,
    });
  }

  /** The shard ends with everything in memory. */
  async unhost(): Promise<void> {
    if (this.#hosted !== undefined) await stop(this.#hosted.supervisor, 'shutdown');
  }

  makeAccounts(registration: 'open' | 'invite' | 'closed', slotNumber = 2): Accounts {
    const parameters = { memoryCost: 64, timeCost: 1, parallelism: 1 };
    return createAccounts({
      docs: this.store.docs,
      clock: this.clock,
      rng: systemRng,
      slotNumber,
      passwords: createPasswords({ parameters }),
      serverSecret: new Uint8Array(32).fill(7),
      registration,
      accessTokenTtlMs: 900_000,
      refreshTokenTtlMs: 30 * 86_400_000,
    });
  }

  async person(): Promise<Grant> {
    this.#people += 1;
    const username = `user${this.#people}`;
    return value(await this.accounts.register({ username, password: 'correct horse' }));
  }

  /** A guild of a new owner with one more member. */
  async guildOfTwo(): Promise<{ gid: Id; owner: Id; member: Id; code: string }> {
    const owner = (await this.person()).user.id;
    const member = (await this.person()).user.id;
    const { id: gid } = value(await this.accounts.createGuild(owner, 'Home'));
    const forEver = { uid: owner, maxUses: null, maxAgeMs: null };
    const { code } = value(await call(guild(gid), 'createInvite', forEver));
    value(await call(guild(gid), 'join', { uid: member, code }));
    return { gid, owner, member, code };
  }

  /** Bodies of the events of a kind, once there are `count`. */
  async eventsOf(sid: Id, uid: Id, kind: number, count = 1): Promise<(readonly unknown[])[]> {
    for (let i = 0; i < 2000; i += 1) {
      const page = await call(stream(sid), 'history', { uid, anchor: 0, before: 200, after: 0 });
      const found = page.ok ? page.frames.map(decode).filter((e) => e.kind === kind) : [];
      if (found.length >= count) return found.map((event) => [...event.body]);
    }
    throw new Error(`no ${count} events of kind ${kind}`);
  }

  /** Body of the newest event of a kind. */
  async eventOf(sid: Id, uid: Id, kind: number): Promise<readonly unknown[] | undefined> {
    return (await this.eventsOf(sid, uid, kind)).at(-1);
  }

  /** Waits until nothing is left under a parent in these kinds. */
  async untilEmpty(kinds: readonly string[], prefix: string): Promise<void> {
    for (let i = 0; i < 2000; i += 1) {
      const { docs } = this.store;
      const lists = await Promise.all(kinds.map((kind) => docs.list(kind, prefix, undefined, 10)));
      if (lists.flat().length === 0) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    throw new Error(`still there: ${kinds.join()}`);
  }
}
