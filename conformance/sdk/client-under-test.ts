/**
 * The client's half of cases 16, 17 and 23: the SDK of this repository against the scripted server, over real sockets. Each function rejects with
 * a Failure when the SDK does not do what the page says.
 */
import { DriftwayClient } from '../../client/index.ts';
import { check, same } from '../peer/failure.ts';
import { within } from '../peer/time.ts';
import { Op } from '../wire/codes.ts';
import type { Encoding } from '../wire/types.ts';
import { EPOCH, ScriptedServer, SID } from './scripted-server.ts';

const TIMEOUT_MS = 20_000;

/** The SDK, connected and subscribed; what it delivered. */
interface Rig {
  readonly server: ScriptedServer;
  readonly client: DriftwayClient;
  /** Sequence numbers and kinds as the application got them. */
  readonly seqs: number[];
  readonly kinds: number[];
  /** Resolves when the application has got event `seq`. */
  delivered(seq: number): Promise<void>;
}

/** Case 16: one EV is lost, the next one shows it; the hole is closed on the same connection. */
export function repairsHole(encoding: Encoding): Promise<void> {
  return withRig(encoding, async (rig) => {
    const { server, seqs } = rig;
    server.publish(1, ['one']);
    await rig.delivered(1);
    server.publish(1, ['two'], 'lost');
    server.publish(1, ['three']);
    server.publish(1, ['four']);
    await rig.delivered(4);
    same(seqs, [1, 2, 3, 4], 'delivered');
    repairedInBand(server, 1);
  });
}

/** Case 17: the last EV is lost; HEAD shows it. */
export function repairsTail(encoding: Encoding): Promise<void> {
  return withRig(encoding, async (rig) => {
    const { server, seqs } = rig;
    server.publish(1, ['one']);
    await rig.delivered(1);
    server.publish(1, ['two'], 'lost');
    server.beacon();
    await rig.delivered(2);
    same(seqs, [1, 2], 'delivered');
    repairedInBand(server, 1);
  });
}

/** Case 23: an opcode and a kind that nobody knows: ignored, and a step of the position. */
export function ignoresUnknowns(encoding: Encoding): Promise<void> {
  return withRig(encoding, async (rig) => {
    const { server, client, kinds } = rig;
    server.broadcast([250, 1, 'what is this', [1, 2]]);
    server.publish(999, ['from a later version', [1]]);
    server.publish(1, ['known']);
    await rig.delivered(2);
    same(client.positions().get(SID)?.seq, 2, 'position');
    check(kinds.at(-1) === 1, `the last kind is ${kinds.at(-1)}`);
    same(server.clients.length, 1, 'connections');
    same(server.subs.length, 1, 'SUB frames: no repair');
  });
}

/** Two SUBs on one connection, the second with the last contiguous position. */
function repairedInBand(server: ScriptedServer, seq: number): void {
  same(server.clients.length, 1, 'connections: the client must not reconnect');
  same(server.subs.length, 2, 'SUB frames');
  const [, , entries] = server.subs[1] ?? [];
  const [entry] = entries as readonly (readonly number[])[];
  same(entry?.slice(0, 3), [SID, EPOCH, seq], 'cursor of the repair');
  same(server.clients[0]?.received.filter(([op]) => op === Op.IDENTIFY).length, 1, 'IDENTIFY');
}

async function withRig(encoding: Encoding, script: (rig: Rig) => Promise<void>): Promise<void> {
  const server = await ScriptedServer.start();
  const tokens = { get: async () => 'token', renew: async () => 'token' };
  const client = new DriftwayClient({ url: server.url, tokens, encoding });
  const seqs: number[] = [];
  const kinds: number[] = [];
  const waiting = new Map<number, () => void>();
  client.on('event', (event) => {
    seqs.push(event.seq);
    kinds.push(event.kind);
    waiting.get(event.seq)?.();
  });
  const delivered = (seq: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (seqs.includes(seq)) resolve();
    else waiting.set(seq, resolve);
    return within(`client under test: event ${seq}`, TIMEOUT_MS, promise);
  };
  try {
    await within('client under test: connected', TIMEOUT_MS, client.connect());
    await within('client under test: subscribed', TIMEOUT_MS, client.subscribe(SID));
    await script({ server, client, seqs, kinds, delivered });
  } finally {
    await client.close();
    await server.stop();
  }
}
