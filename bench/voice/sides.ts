/** Starts the two servers that bench:voice compares. Driving process. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { boundTo, exited, startDriftway } from '../servers.ts';
import { BareSignalling } from './bare-signalling.ts';
import { DriftwaySignalling } from './driftway-signalling.ts';
import type { Side } from './types.ts';
import { makeVoiceWorld } from './voice-world.ts';

const BARE = fileURLToPath(new URL('bare-server.ts', import.meta.url));
/** Longer than any bench: nobody renews a token. */
const TOKEN_TTL_S = '86400';

export interface SideOptions {
  /** mediasoup-worker. */
  readonly worker: string;
  /** Cores for all of the server ("0", "0-3"); undefined: those of this process. */
  readonly cores?: string;
  /** The most that scenarios will ask for. */
  readonly people: number;
  readonly rooms: number;
}

/** Driftway as an operator would start it, one media worker, with accounts, guilds and voice channels. */
export async function startDriftwaySide(options: SideOptions): Promise<DriftwaySide> {
  const { cores, people, rooms, worker } = options;
  const server = await startDriftway(
    {
      DRIFTWAY_HOST: '127.0.0.1',
      DRIFTWAY_ACCESS_TOKEN_TTL_S: TOKEN_TTL_S,
      DRIFTWAY_MEDIA_WORKER_BIN: worker,
      DRIFTWAY_VOICE_WORKERS: '1',
      DRIFTWAY_VOICE_PORT: '0',
    },
    cores,
  );
  try {
    const { sids, tokens } = await makeVoiceWorld(server.port, people, rooms);
    return {
      name: 'driftway',
      pid: server.pid,
      port: server.port,
      tokens,
      connect: (person, room) =>
        DriftwaySignalling.connect(server.port, tokens[person] ?? '', sids[room] ?? 0),
      stop: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

export interface DriftwaySide extends Side {
  readonly port: number;
  readonly tokens: readonly string[];
}

/** The server of bare-server.ts; needs no preparation. */
export async function startBareSide({ cores, worker }: SideOptions): Promise<Side> {
  const command = boundTo(cores, [process.execPath, BARE, worker]);
  const child = spawn(command.file, command.args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) =>
      resolve(Number(/port (\d+)/.exec(String(chunk))?.[1])),
    );
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`bare server: exited with ${code}`)));
  });
  return {
    name: 'bare',
    pid: child.pid ?? 0,
    connect: (_person, room) => BareSignalling.connect(port, room),
    stop: async () => {
      // mediasoup answers SIGTERM by closing its worker only.
      child.stdin.end();
      await exited(child);
    },
  };
}
