/** A client, a mock server and a clock, put together for a test. */
import { Op, type StreamEvent } from '../../gateway/protocol/index.ts';
import {
  type ClientOptions,
  type ClientState,
  DriftwayClient,
  memoryStorage,
  type TokenSource,
  type UnknownRange,
} from '../index.ts';
import { FakeClock, fixedRng, settle } from './fake-clock.ts';
import { MockServer, memorySockets } from './mock-server.ts';

/** The parts of one test. */
export interface Rig {
  readonly clock: FakeClock;
  readonly server: MockServer;
  readonly client: DriftwayClient;
  readonly rng: ReturnType<typeof fixedRng>;
  readonly events: StreamEvent[];
  readonly gaps: UnknownRange[];
  readonly states: ClientState[];
  /** Texts delivered, as `seq:text`. */
  texts(): string[];
}

/** Tokens that never change, counting renewals. */
export function fixedTokens(token = 'good'): TokenSource & { token: string; renewals: number } {
  return {
    token,
    renewals: 0,
    get() {
      return Promise.resolve(this.token);
    },
    renew() {
      this.renewals += 1;
      return Promise.resolve(this.token);
    },
  };
}

/** A rig that is not connected yet. */
export function rig(options: Partial<ClientOptions> = {}, shared?: MockServer): Rig {
  const clock = (options.clock as FakeClock | undefined) ?? new FakeClock();
  const server = shared ?? new MockServer();
  const rng = fixedRng(0.5);
  const client = new DriftwayClient({
    url: 'http://mock',
    tokens: fixedTokens(),
    storage: memoryStorage(),
    openSocket: memorySockets(server),
    clock,
    rng,
    ...options,
  });
  const events: StreamEvent[] = [];
  const gaps: UnknownRange[] = [];
  const states: ClientState[] = [];
  client.on('event', (event) => events.push(event));
  client.on('gap', (range) => gaps.push(range));
  client.on('state', (state) => states.push(state));
  const texts = (): string[] => events.map((event) => `${event.seq}:${event.body[0]}`);
  return { clock, server, client, rng, events, gaps, states, texts };
}

/** A rig that is online and subscribed to stream 7, which has `count` events. */
export async function onlineRig(count = 3, options: Partial<ClientOptions> = {}): Promise<Rig> {
  const parts = rig(options);
  for (let i = 1; i <= count; i += 1) parts.server.publish(7, `old ${i}`);
  parts.server.stream(7);
  await parts.client.connect();
  await parts.client.subscribe(7);
  await settle();
  return parts;
}

/** Cursors that the client has sent in SUBs for one stream, `null` for `[sid]`. */
export function cursorsSent(parts: Rig, sid = 7): (number | null)[] {
  return parts.server.connections.flatMap((connection) =>
    connection
      .sent(Op.SUB)
      .flatMap((frame) =>
        (frame[2] as number[][])
          .filter((entry) => entry[0] === sid)
          .map((entry) => (entry.length > 1 ? (entry[2] as number) : null)),
      ),
  );
}
