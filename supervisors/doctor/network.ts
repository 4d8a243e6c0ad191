/**
 * Checks of the network: the port, the URL that others are told, UDP and the address for voice, nats-server. Binds for a moment,
 * sends one datagram to this machine itself; asks nobody outside but the resolver.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import type { Config } from '../config.ts';
import { claimPort } from '../port-claim.ts';
import { fail, ok, reasonOf, warn } from './findings.ts';
import type { Check, Finding } from './types.ts';

const NATS_MIN = [2, 12] as const;
const ANSWER_MS = 2_000;
const LOOPBACK = /^(localhost|127\.|::1$)/;

/** Whether the server can listen, or does. */
export const checkPort: Check = async ({ config, serverPid }) => {
  const { host, port } = config;
  const claimed = await claimPort(host, port);
  if (claimed.ok) {
    claimed.claim.release();
    if (serverPid === null) return [ok('port', `${host}:${port} is free`)];
    const remedy = 'give doctor the settings that the server was started with';
    return [warn('port', `process ${serverPid} runs, but not on ${host}:${port}`, remedy)];
  }
  if (serverPid !== null && claimed.message.includes(`process ${serverPid} `))
    return [ok('port', `${host}:${port}, the server runs as process ${serverPid}`)];
  const [what = '', remedy = 'choose another with DRIFTWAY_PORT'] = claimed.message.split(': ');
  return [fail('port', what, remedy)];
};

/** Whether people can reach what they are told, and whether their passwords travel hidden. */
export const checkPublicUrl: Check = async ({ config }) => {
  const { host, publicUrl, publicUrlGiven, tlsCert } = config;
  if (LOOPBACK.test(host) && !publicUrlGiven)
    return [ok('url', `${publicUrl}: only this machine can connect`)];
  if (!publicUrlGiven)
    return [
      warn(
        'url',
        `others can connect, and are told ${publicUrl}`,
        'set DRIFTWAY_PUBLIC_URL to the address that people use',
      ),
    ];
  const { hostname, protocol } = new URL(publicUrl);
  const findings: Finding[] = [await resolves(publicUrl, hostname)];
  if (protocol === 'http:' && !LOOPBACK.test(hostname))
    findings.push(
      warn(
        'url',
        `${publicUrl}: passwords and tokens travel in the clear`,
        'set DRIFTWAY_TLS_CERT and DRIFTWAY_TLS_KEY, or put a proxy with TLS in front, and use an https URL',
      ),
    );
  else if (protocol === 'https:' && tlsCert === null && !LOOPBACK.test(host))
    findings.push(
      warn(
        'url',
        `${publicUrl} is https, the port ${config.port} itself is not, and open to others`,
        'set DRIFTWAY_TLS_CERT and DRIFTWAY_TLS_KEY, or DRIFTWAY_HOST=127.0.0.1 behind the proxy',
      ),
    );
  return findings;
};

async function resolves(url: string, hostname: string): Promise<Finding> {
  try {
    const { address } = await lookup(hostname.replace(/^\[|\]$/g, ''));
    return ok('url', `${url} is ${address}`);
  } catch (error) {
    const remedy = 'correct DRIFTWAY_PUBLIC_URL, or the name server entry';
    return fail('url', `${url}: the name is unknown here (${reasonOf(error)})`, remedy);
  }
}

/** UDP as voice needs it: sockets, datagrams, and an address that others can send to. */
export const checkUdp: Check = async ({ config }) => {
  const heard = await datagram();
  if (heard !== null)
    return [
      fail(
        'udp',
        `a datagram did not arrive: ${heard}`,
        'let the firewall pass UDP on this machine',
      ),
    ];
  return [ok('udp', 'datagrams arrive on this machine'), voiceAddress(config)];
};

/** Null when a datagram from one socket of this process reached another, else why not. */
function datagram(): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const timer = AbortSignal.timeout(ANSWER_MS);
    const end = (why: string | null): void => {
      timer.onabort = null;
      socket.removeAllListeners();
      socket.close(() => resolve(why));
    };
    timer.onabort = () => end(`not within ${ANSWER_MS} ms`);
    socket.on('error', (error) => end(reasonOf(error)));
    socket.on('message', () => end(null));
    socket.bind(0, '127.0.0.1', () => {
      socket.send('driftway', socket.address().port, '127.0.0.1');
    });
  });
}

function voiceAddress({ host, voice }: Config): Finding {
  const told = voice.announcedIpv4 ?? voice.announcedIpv6;
  if (told !== null) return ok('voice', `clients are told ${told}`);
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address);
  return judgeAddresses(own, LOOPBACK.test(host));
}

/** The finding from this machine's own IPv4 addresses. */
export function judgeAddresses(own: readonly string[], isLocal: boolean): Finding {
  const open = own.find((address) => !isPrivate(address));
  if (open !== undefined) return ok('voice', `${open} is a public address`);
  const what =
    own.length === 0 ? 'no address but loopback' : `${own.join(', ')}: no public address`;
  if (isLocal) return ok('voice', `${what}; only this machine can connect anyway`);
  const remedy =
    'for voice from outside the local network forward its UDP and TCP ports and set DRIFTWAY_VOICE_ANNOUNCED_IPV4 to the address of the router';
  return warn('voice', what, remedy);
}

/** RFC 1918, RFC 6598, RFC 3927; RFC 5737 and 2544, which are for documents and tests. */
function isPrivate(address: string): boolean {
  const [a = 0, b = 0, c = 0] = address.split('.').map(Number);
  if (a === 10 || a === 127) return true;
  if (['192.0.2', '198.51.100', '203.0.113'].includes(`${a}.${b}.${c}`)) return true;
  if (a === 198 && (b === 18 || b === 19)) return true;
  if (a === 172) return b >= 16 && b <= 31;
  if (a === 100) return b >= 64 && b <= 127;
  return (a === 192 && b === 168) || (a === 169 && b === 254);
}

/** The nats-server on the PATH: cluster mode needs 2.12. */
export const checkNats: Check = async ({ config }) => {
  let text: string;
  try {
    const run = promisify(execFile);
    text = (await run('nats-server', ['--version'], { timeout: ANSWER_MS })).stdout;
  } catch (error) {
    if (config.natsUrl === null && reasonOf(error) === 'ENOENT')
      return [ok('nats', 'no cluster, so no nats-server is needed')];
    const remedy = 'install nats-server 2.12 or later on the machine that DRIFTWAY_NATS_URL names';
    return [warn('nats', `its version cannot be told here: ${reasonOf(error)}`, remedy)];
  }
  return [judgeNats(text)];
};

/** The finding from the output of `nats-server --version`. */
export function judgeNats(text: string): Finding {
  const [, major = '0', minor = '0', rest = ''] = /v?(\d+)\.(\d+)(\S*)/.exec(text) ?? [];
  const shown = `nats-server ${major}.${minor}${rest}`;
  const isNew =
    Number(major) > NATS_MIN[0] || (Number(major) === NATS_MIN[0] && Number(minor) >= NATS_MIN[1]);
  if (isNew) return ok('nats', shown);
  const remedy =
    'install 2.12 or later before a cluster uses it: older ones lose acknowledged messages';
  return warn('nats', `${shown}, wanted ${NATS_MIN.join('.')} or later`, remedy);
}
