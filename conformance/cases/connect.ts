/** Cases 1 to 4: upgrade and handshake. */
import { check, Failure, same } from '../peer/failure.ts';
import { nowMs, pause } from '../peer/time.ts';
import type { Case } from '../suite/case.ts';
import { Close, Op } from '../wire/codes.ts';
import { openSocket, UpgradeRefused } from '../wire/socket.ts';

/** Long enough for a second OK to come, if there were one. */
const SETTLE_MS = 200;

const handshakeOrder: Case = {
  number: 1,
  name: 'handshake order',
  isQuick: true,
  async run(stage) {
    const connection = await stage.open('A');
    same(connection.socket.protocol, `driftway.v1.${stage.encoding}`, 'echoed subprotocol');
    const [op, ver, node, pingMs, deadlineMs, herdMs, challenge, limits] = connection.hello;
    same(op, Op.HELLO, 'opcode of the first message');
    check(typeof node === 'string' && node.length <= 64, 'node is a short string');
    const isNumber = [ver, pingMs, deadlineMs, herdMs].every((one) => typeof one === 'number');
    check(isNumber, `numbers of HELLO: ${JSON.stringify(connection.hello)}`);
    check(/^[A-Za-z0-9_-]{22}$/.test(String(challenge)), `challenge is ${String(challenge)}`);
    same((limits as readonly number[]).length, 7, 'limits in HELLO');
    await connection.identify(await stage.world.token(await stage.world.user('A')));
    await pause(SETTLE_MS);
    same(connection.frames(Op.OK).length, 1, 'OK frames');
    same(connection.frames(Op.ERR).length, 0, 'ERR frames');
    return undefined;
  },
};

const noSubprotocol: Case = {
  number: 2,
  name: 'no subprotocol',
  isQuick: true,
  async run(stage) {
    const offers = [['chat'], []];
    for (const protocols of offers) {
      same(await statusOf(stage.world.url, { protocols }), 400, `status for [${protocols}]`);
    }
    return undefined;
  },
};

const identifyDeadline: Case = {
  number: 3,
  name: 'identify deadline',
  isQuick: false,
  async run(stage) {
    const connection = await stage.open('A');
    const begun = nowMs();
    const end = await connection.closing;
    const seconds = (nowMs() - begun) / 1000;
    same(end.code, Close.DEADLINE, 'close code');
    check(seconds >= 9 && seconds <= 12, `closed after ${seconds.toFixed(1)} s, wanted 9 to 12`);
    same(connection.frames(Op.ERR)[0]?.slice(1, 3), [0, Close.DEADLINE], 'ERR before the close');
    return `closed after ${seconds.toFixed(1)} s`;
  },
};

const foreignOrigin: Case = {
  number: 4,
  name: 'foreign origin',
  isQuick: true,
  async run(stage) {
    const token = await stage.world.token(await stage.world.user('A'));
    const headers = { Cookie: `token=${token}`, Authorization: `Bearer ${token}` };
    const protocols = [`driftway.v1.${stage.encoding}`];
    for (const origin of ['https://evil.example', 'null']) {
      const options = { protocols, headers: { ...headers, Origin: origin } };
      same(await statusOf(stage.world.url, options), 403, `status for Origin ${origin}`);
    }
    same(await statusOf(stage.world.url, { protocols, headers }), 101, 'status without Origin');
    return undefined;
  },
};

async function statusOf(
  url: string,
  options: { readonly protocols: readonly string[]; readonly headers?: Record<string, string> },
): Promise<number> {
  try {
    const { socket } = await openSocket({ url, ...options });
    socket.reset();
    return 101;
  } catch (error) {
    if (error instanceof UpgradeRefused) return error.status;
    throw new Failure(`upgrade: ${String(error)}`);
  }
}

export const connectCases: readonly Case[] = [
  handshakeOrder,
  noSubprotocol,
  identifyDeadline,
  foreignOrigin,
];
