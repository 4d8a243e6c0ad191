/**
 * A client of the admin socket as a stranger writes it from supervisors/admin/README.md: JSON over a WebSocket of its own, no product
 * code, no library.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawSocket } from './support/raw-socket.ts';
import { ServerProcess, until } from './support/server-process.ts';
import { signedToken } from './support/signed-token.ts';

type Frame = readonly unknown[];

interface Row {
  readonly id: string;
  readonly parent: string | null;
  readonly kind: string;
}

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start({ env: { DRIFTWAY_HEART: 'off' } });
});
afterAll(() => server.dispose());

class Stranger {
  readonly frames: Frame[] = [];
  readonly #socket: RawSocket;
  #rid = 0;

  static async open(headers: Readonly<Record<string, string>>): Promise<Stranger> {
    const protocols = ['driftway.admin.v1.json'];
    const options = { port: server.port, path: '/admin', protocols, headers };
    return new Stranger(await RawSocket.open(options));
  }

  private constructor(socket: RawSocket) {
    this.#socket = socket;
    socket.onMessage = (payload) => this.frames.push(JSON.parse(payload.toString('utf8')));
  }

  frame(what: string, fits: (frame: Frame) => boolean): Promise<Frame> {
    return until(what, 10_000, () => this.frames.find(fits));
  }

  async request(op: number, ...more: readonly unknown[]): Promise<Frame> {
    this.#rid += 1;
    const rid = this.#rid;
    this.#socket.send(Buffer.from(JSON.stringify([op, rid, ...more])), true);
    return this.frame('the answer', ([kind, of]) => (kind === 98 || kind === 99) && of === rid);
  }

  close(): void {
    this.#socket.close();
  }
}

const token = (): string => signedToken({ dataDir: server.dataDir, uid: 9, scope: 'admin' });

/** Greets, subscribes to the tree, calls, is refused, and takes leave, as in the page's conversation. */
async function converse(stranger: Stranger): Promise<void> {
  const [, , sub] = (await stranger.request(101, 'tree', { depth: 2 })) as [
    98,
    number,
    { sub: number },
  ];
  const rows: Row[] = [];
  await stranger.frame('the last part of the snapshot', ([op, of, , kind, data]) => {
    return op === 103 && of === sub.sub && kind === 'snapshot' && !(data as { more: boolean }).more;
  });
  for (const [op, , , kind, data] of stranger.frames) {
    if (op === 103 && kind === 'snapshot') rows.push(...(data as { rows: Row[] }).rows);
  }
  expect(rows.find(({ parent }) => parent === null)).toMatchObject({ id: 'n1', kind: 'node' });
  expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining(['n1/store', 'n1/shard-0']));
  expect((await stranger.request(100, 'node'))[2]).toMatchObject({ node: 'n1' });
  expect((await stranger.request(100, 'nap')).slice(2, 3)).toEqual(['unknown_verb']);
  expect((await stranger.request(100, 'kill', { id: 'n1/shard-0' }))[2]).toBe('forbidden');
  expect(await stranger.request(102, sub.sub)).toMatchObject([98, expect.any(Number), null]);
}

describe('a client written from the page', () => {
  test('with a token at the upgrade', async () => {
    const stranger = await Stranger.open({ authorization: `Bearer ${token()}` });
    const [, hello] = await stranger.frame('HELLO', ([op]) => op === 96);
    expect(hello).toMatchObject({ v: 1, auth: false });
    await converse(stranger);
    stranger.close();
  });

  test('as a browser, with AUTH', async () => {
    const stranger = await Stranger.open({ origin: `http://127.0.0.1:${server.port}` });
    const [, hello] = await stranger.frame('HELLO', ([op]) => op === 96);
    expect(hello).toMatchObject({ v: 1, auth: true });
    expect((await stranger.request(97, token()))[2]).toMatchObject({ auth: false });
    await converse(stranger);
    stranger.close();
  });
});
