/**
 * Check of voice as a whole: calls itself through the running server. For each UDP address that clients are told, two WebRTC peers of this
 * process connect to transports of the server's media worker (ICE, DTLS, SRTP), and 50 packets go from one to the other.
 */
import { join } from 'node:path';
import type { SelfCallOffer } from '../../voice/index.ts';
import type { AdminClient } from '../admin/index.ts';
import { fail, ok, reasonOf, warn } from './findings.ts';
import type { Check, Finding } from './types.ts';

const ID = 'voice-call';
const PACKETS = 50;
const CALL_MS = 8_000;
/** Addresses that are tried; a machine with more has them of one network. */
const WAYS_MAX = 4;

type Peers = typeof import('../../native/rtc-peer/index.ts');
type Transport = Parameters<Peers['connectPeer']>[0];
type Way = Transport['iceCandidates'][number];

/** Whether people would hear each other. Needs a server that runs. */
export const checkVoiceCall: Check = async ({ clock, config, serverPid }) => {
  if (config.voice.mode === 'off') return [ok(ID, 'VOICE is off')];
  if (serverPid === null) {
    return [ok(ID, 'no server runs: run doctor beside it to have a call tried')];
  }
  const { AdminClient } = await import('../admin/index.ts');
  const socketPath = join(config.dataDir, 'admin.sock');
  const admin = await AdminClient.connect({ socketPath, client: 'driftway doctor' });
  const peers = await import('../../native/rtc-peer/index.ts');
  try {
    return await callAll(admin, peers, clock);
  } finally {
    peers.endPeers();
    await admin.close();
  }
};

async function callAll(
  admin: AdminClient,
  peers: Peers,
  clock: { monotonic(): number },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  let ways: readonly Way[] | undefined;
  for (let i = 0; i < (ways?.length ?? 1); i += 1) {
    let offer: SelfCallOffer;
    try {
      offer = await admin.call<SelfCallOffer>('voice.selfcall', { step: 'open' });
    } catch (error) {
      const remedy = 'look at driftway voice, and run doctor again when it is ready';
      return [...findings, warn(ID, `no call can be made now: ${messageOf(error)}`, remedy)];
    }
    const send = JSON.parse(offer.send) as Transport;
    ways ??= send.iceCandidates.filter(({ protocol }) => protocol === 'udp').slice(0, WAYS_MAX);
    const way = ways[i];
    if (way !== undefined) {
      const startedMs = clock.monotonic();
      const fault = await callBy(admin, peers, offer, way);
      findings.push(judge(way, fault, clock.monotonic() - startedMs));
    }
    await admin.call('voice.selfcall', { step: 'close', id: offer.id });
  }
  return findings.length > 0
    ? findings
    : [fail(ID, 'the server tells clients no UDP address', 'correct DRIFTWAY_HOST')];
}

/** The finding about one address; `fault` null: everything arrived. */
export function judge(
  { address, port }: Pick<Way, 'address' | 'port'>,
  fault: string | null,
  tookMs: number,
): Finding {
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  if (fault === null) {
    const took = `${Math.round(tookMs)} ms`;
    return ok(
      ID,
      `UDP ${place}: DTLS, and ${PACKETS} packets of sound through the worker, ${took}`,
    );
  }
  const remedy = `let UDP ${port} to ${address} pass (firewall, router), or correct DRIFTWAY_VOICE_ANNOUNCED_IPV4 and IPV6; a router that does not lead back to its own address is no fault of the server`;
  return fail(ID, `UDP ${place}, which clients are told: ${fault}`, remedy);
}

/** Null when everything arrived. */
async function callBy(
  admin: AdminClient,
  peers: Peers,
  offer: SelfCallOffer,
  way: Way,
): Promise<string | null> {
  const closers: (() => void)[] = [];
  let stage = 'no connection (ICE and DTLS)';
  const timer = AbortSignal.timeout(CALL_MS);
  const late = new Promise<string>((resolve) => {
    timer.onabort = () => resolve(`${stage} within ${CALL_MS / 1000} s`);
  });
  const talk = async (): Promise<null> => {
    const [speaker, listener] = await connectBoth(admin, peers, offer, way, closers);
    stage = 'connected, but the sound did not arrive';
    const heard = peers.countPackets(listener, offer.payloadType, PACKETS);
    await peers.sendPackets(speaker, offer, PACKETS);
    await heard;
    return null;
  };
  try {
    return await Promise.race([talk(), late]);
  } catch (error) {
    return messageOf(error);
  } finally {
    timer.onabort = null;
    for (const close of closers.reverse()) close();
  }
}

async function connectBoth(
  admin: AdminClient,
  { connectPeer }: Peers,
  { heardSsrc, id, payloadType, receive, send, ssrc }: SelfCallOffer,
  way: Way,
  closers: (() => void)[],
) {
  const told: { send?: string; receive?: string } = {};
  const both = Promise.withResolvers<unknown>();
  both.promise.catch(ignore);
  const tell = (side: 'send' | 'receive') => (dtls: unknown) => {
    told[side] = JSON.stringify(dtls);
    if (told.send !== undefined && told.receive !== undefined) {
      const step = { step: 'connect', id, send: told.send, receive: told.receive };
      admin.call('voice.selfcall', step).then(both.resolve, both.reject);
    }
    return both.promise;
  };
  // The other transport of the call has the same addresses: it is one server on one port.
  const offered = (text: string): Transport => ({
    ...(JSON.parse(text) as Transport),
    iceCandidates: [way],
  });
  const common = { payloadType };
  return Promise.all([
    connectPeer(
      offered(send),
      { ...common, ssrc, remoteSsrc: null, role: 'client' },
      tell('send'),
      closers,
    ),
    connectPeer(
      offered(receive),
      { ...common, ssrc: ssrc + 1, remoteSsrc: heardSsrc, role: 'server' },
      tell('receive'),
      closers,
    ),
  ]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : reasonOf(error);
}

function ignore(): void {}
