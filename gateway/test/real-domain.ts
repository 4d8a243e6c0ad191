/**
 * A gateway over real sockets with the real entities of channels/ behind it, on one thread over a
 * memory store, and people who log in there. Tests only.
 */
import {
  type Accounts,
  createAccounts,
  hostChannels,
  memoryStore,
  type Result,
} from '../../channels/index.ts';
import { type AnyRef, stop, systemRng } from '../../runtime/index.ts';
import type { GatewayOptions } from '../gateway.ts';
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

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`got ${result.code}`);
  return result.value;
}

export class RealDomain {
  readonly harness: Harness;
  readonly accounts: Accounts;
  readonly #shard: AnyRef;
  #people = 0;

  constructor(harness: Harness, accounts: Accounts, shard: AnyRef) {
    this.harness = harness;
    this.accounts = accounts;
    this.#shard = shard;
  }

  static async start(): Promise<RealDomain> {
    const real = { upstream: undefined } as unknown as Partial<GatewayOptions>;
    const harness = await Harness.start(real);
    const store = memoryStore({ rng: systemRng });
    const { clock } = harness;
    const codec = {
      ...{ encodeEvent, decodeEvent, encodeReceipt, encodeUnread, mayMention },
      encodeNotice: encodeMp,
    };
    const shared = { clock, rng: systemRng, accessTokenTtlMs: 900_000 };
    const hosted = await hostChannels({ ...shared, store, codec, slotNumber: 1, replayMax: 5000 });
    const accounts = createAccounts({
      ...shared,
      docs: store.docs,
      slotNumber: 2,
      serverSecret: new Uint8Array(32).fill(7),
      registration: 'open',
      refreshTokenTtlMs: 86_400_000,
    });
    return new RealDomain(harness, accounts, hosted.supervisor);
  }

  async stop(): Promise<void> {
    await this.harness.stop();
    await stop(this.#shard, 'shutdown');
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
