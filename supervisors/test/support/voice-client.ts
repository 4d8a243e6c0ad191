/**
 * The thin voice client on a connection to a real server. Runs in the test process; must never import product code (voice/test is
 * none).
 */
import {
  NotConnected,
  type Signal,
  V,
  VoicePeer,
  type VoicePeerOptions,
  VoiceRefused,
} from '../../../voice/test/index.ts';
import type { HttpClient } from './http-client.ts';
import { RawClient, unpack } from './raw-client.ts';
import { until } from './server-process.ts';
import { OP, type WireFrame } from './wire.ts';

const ASK_MS = 20_000;
/** 502: not now. */
const UNAVAILABLE = 502;

/** Voice ops on a connection of a RawClient. */
export function signalOf(raw: RawClient): Signal {
  const signal: Signal = {
    onVoice: () => undefined,
    async ask(op, args) {
      const reply = await raw.request(op, args as WireFrame, ASK_MS);
      if (reply[0] === OP.ok) return reply.slice(2);
      const retryMs = reply.find((part, i) => i > 2 && typeof part === 'number');
      throw new VoiceRefused(op, reply[2] as number, retryMs as number | undefined);
    },
  };
  raw.onFrame = (frame) => {
    for (const inner of unpack(frame)) if (inner[0] === V.voice) signal.onVoice(inner.slice(1));
  };
  return signal;
}

export interface VoiceClientOptions extends Partial<VoicePeerOptions> {
  readonly port: number;
  readonly token: string;
}

let ssrcs = 1_000;

/** An identified connection with a peer that has joined nothing yet. */
export class VoiceClient {
  readonly raw: RawClient;
  readonly peer: VoicePeer;

  private constructor(raw: RawClient, peer: VoicePeer) {
    this.raw = raw;
    this.peer = peer;
  }

  static async open({ port, token, ...options }: VoiceClientOptions): Promise<VoiceClient> {
    const raw = await RawClient.open({ port });
    await raw.first(OP.hello);
    await raw.identify(token);
    ssrcs += 1;
    const peer = new VoicePeer(signalOf(raw), { name: `peer-${ssrcs}`, ssrc: ssrcs, ...options });
    return new VoiceClient(raw, peer);
  }

  get uid(): number {
    return this.raw.uid;
  }

  close(): void {
    this.peer.close();
    this.raw.socket.cut();
  }
}

/** Joins, and again while the server says that voice is not there yet, or where the handshake hangs, which is printed. */
export async function joinWhenReady(
  client: VoiceClient,
  sid: number,
  timeoutMs = 30_000,
): Promise<void> {
  await until('the join', timeoutMs, async () => {
    try {
      await client.peer.join(sid);
      return true;
    } catch (error) {
      if (error instanceof VoiceRefused && error.code === UNAVAILABLE) return undefined;
      if (!(error instanceof NotConnected)) throw error;
      console.log(`joining ${sid} again: ${error.message}`);
      return undefined;
    }
  });
}

/** A new voice channel of a guild. */
export async function newVoiceChannel(
  http: HttpClient,
  token: string,
  gid: number,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  ssrcs += 1;
  const body = { name: `voice-${ssrcs}`, type: 'voice', ...settings };
  const made = await http.want<{ id: string }>(201, `/guilds/${gid}/channels`, { token, body });
  return Number(made.id);
}
