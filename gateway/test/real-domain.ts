/**
 * A gateway over real sockets with the real entities of channels/ behind it, on one thread over a
 * memory store, and people who log in there. Tests only.
 */
import {
  type Accounts,
  createAccounts,
  type HostOptions,
  hostChannels,
  memoryStore,
  type Result,
  type Store,
} from '../../channels/index.ts';
import { type AnyRef, stop, systemRng } from '../../runtime/index.ts';
import type { GatewayOptions } from '../gateway-options.ts';
import {
  decodeEvent,
  type Encoding,
  encodeEvent,
  encodeMp,
  encodeReceipt,
  encodeUnread,
  mayMention,
  Op,
} from '../protocol/index.ts';
import { Harness, type TestClient, token } from './harness.ts';

export interface Person {
  readonly uid: number;
  readonly login: string;
}

/** Times of protocol.md 2.9, a hundredth of them: for HostOptions.presence. */
export const QUICK_TIMES = {
  offlineMs: 100,
  collapseMs: 50,
  flushMs: 20,
  gatherMs: 1,
  keepMs: 600,
  relearnMs: 120,
};

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`got ${result.code}`);
  return result.value;
}

export class RealDomain {
  readonly harness: Harness;
  readonly accounts: Accounts;
  readonly store: Store;
  readonly #host: () => Promise<AnyRef>;
  #shard: AnyRef;
  #people = 0;

  constructor(
    parts: Pick<RealDomain, 'harness' | 'accounts' | 'store'>,
    host: () => Promise<AnyRef>,
    shard: AnyRef,
  ) {
    this.harness = parts.harness;
    this.accounts = parts.accounts;
    this.store = parts.store;
    this.#host = host;
    this.#shard = shard;
  }

  /** @param options of the host that a test wants otherwise */
  static async start(options: Partial<HostOptions> = {}): Promise<RealDomain> {
    const real = { upstream: undefined } as unknown as Partial<GatewayOptions>;
    const harness = await Harness.start(real);
    const store = memoryStore({ rng: systemRng });
    const { clock } = harness;
    const codec = {
      ...{ encodeEvent, decodeEvent, encodeReceipt, encodeUnread, mayMention },
      encodeNotice: encodeMp,
    };
    const shared = { clock, rng: systemRng, accessTokenTtlMs: 900_000 };
    const base = { ...shared, store, codec, slotNumber: 1, replayMax: 5000, ...options };
    const host = async (): Promise<AnyRef> => (await hostChannels(base)).supervisor;
    const shard = await host();
    const accounts = createAccounts({
      ...shared,
      docs: store.docs,
      slotNumber: 2,
      serverSecret: new Uint8Array(32).fill(7),
      registration: 'open',
      refreshTokenTtlMs: 86_400_000,
    });
    return new RealDomain({ harness, accounts, store }, host, shard);
  }

  async stop(): Promise<void> {
    await this.harness.stop();
    await stop(this.#shard, 'shutdown');
  }

  /** The shard thread ends with everything in memory, and another takes its place. */
  async restartShard(): Promise<void> {
    await stop(this.#shard, 'shutdown');
    this.#shard = await this.#host();
  }

  async person(): Promise<Person> {
    this.#people += 1;
    const named = { username: `person${this.#people}`, password: 'correct horse' };
    const { user, login } = value(await this.accounts.register(named));
    return { uid: user.id, login };
  }

  /** A connection that follows the own inbox. */
  async online({ uid, login }: Person, encoding: Encoding): Promise<TestClient> {
    const client = await this.harness.connect(encoding);
    const reply = await client.identify(token(uid, login));
    if (reply[0] !== Op.OK) throw new Error(`IDENTIFY: got ${reply[2]}`);
    await client.ask(Op.SUB, [[uid]]);
    return client;
  }
}
