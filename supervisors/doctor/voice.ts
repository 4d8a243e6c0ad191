/**
 * Checks of voice: its ports, and the program of the media workers. Binds ports for a moment; starts nothing.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { fail, ok, reasonOf, warn } from './findings.ts';
import type { Check } from './types.ts';

const OFF = 'VOICE is off';
const OPEN_PORTS =
  'choose another DRIFTWAY_VOICE_PORT, or end what holds it: clients need UDP and TCP on each of them';

/** Whether each worker and the spare get their port. While somebody is in a voice channel the server itself holds them. */
export const checkVoicePorts: Check = async ({ config, serverPid }) => {
  const { host, voice } = config;
  if (voice.mode === 'off') return [ok('voice-ports', OFF)];
  if (voice.port === 0) return [ok('voice-ports', 'any free ports')];
  const last = voice.port + voice.workers;
  const taken: string[] = [];
  for (let port = voice.port; port <= last; port += 1) {
    const [udp, tcp] = [await udpFault(host, port), await tcpFault(host, port)];
    if (udp !== null) taken.push(`UDP ${port} (${udp})`);
    if (tcp !== null) taken.push(`TCP ${port} (${tcp})`);
  }
  if (taken.length === 0) {
    return [ok('voice-ports', `${voice.port} to ${last}, UDP and TCP: free`)];
  }
  const what = `not free: ${taken.join(', ')}`;
  if (serverPid === null) return [fail('voice-ports', what, OPEN_PORTS)];
  return [ok('voice-ports', `${what}; the server runs as process ${serverPid}`)];
};

/** Whether there is a media worker on this machine. */
export const checkMediaWorker: Check = async ({ config }) => {
  const { mediaWorkerBin, mode } = config.voice;
  if (mode === 'off') return [ok('media', OFF)];
  if (mediaWorkerBin !== null) return [ok('media', `the media worker is ${mediaWorkerBin}`)];
  const { cachedMediaWorker } = await import('../../native/media-worker/index.ts');
  if (cachedMediaWorker() !== undefined) return [ok('media', 'there is a media worker')];
  const remedy = 'start the server and wait for its voice line: it makes one in the background';
  return [warn('media', 'there is no media worker on this machine yet', remedy)];
};

/** Null when it can be bound, else why not. */
function udpFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error) => resolve(reasonOf(error)));
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(null)));
  });
}

function tcpFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(reasonOf(error)));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
