/**
 * Part of the driver `voice`: how soon nothing is heard of who may not speak, or by whom may not hear (V11), and how soon it is known who
 * speaks, and that they stopped (V12). Thin clients.
 */
import { KIND, type VoiceEvent } from '../../../../voice/test/index.ts';
import { percentile } from '../../support/driver.ts';
import { HttpClient } from '../../support/http-client.ts';
import { pause, until } from '../../support/server-process.ts';
import type { VoiceClient } from '../../support/voice-client.ts';
import { VoiceCrowd } from '../../support/voice-crowd.ts';
import type { VoicePart } from './types.ts';

const PEOPLE = 3;
/** V11. */
const SILENT_MS = 300;
/** V12. */
const KNOWN_MS = 600;
const QUIET_MS = 1_500;
const HEARD_MAX_MS = 20_000;
/** Long enough for a packet that should not come. */
const LISTEN_MS = 500;
const SPEAK = 1 << 7;

interface Room {
  readonly crowd: VoiceCrowd;
  readonly listener: VoiceClient;
  readonly talker: VoiceClient;
  /** One of HTTP, as the owner. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>;
}

export async function rights(at: VoicePart): Promise<void> {
  const { port } = at.server;
  const crowd = await VoiceCrowd.create({ port, people: PEOPLE, perRoom: PEOPLE });
  const http = new HttpClient(port);
  const token = crowd.members.logins[0]!.accessToken;
  const [owner, talker] = crowd.clients as [VoiceClient, VoiceClient];
  const room: Room = {
    ...{ crowd, listener: owner, talker },
    async ask(method, path, body) {
      const answer = await http.api(path, {
        method,
        token,
        ...(body === undefined ? {} : { body }),
      });
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status}`);
    },
  };
  try {
    await silences(at, room);
    await speaking(at, room);
    await crowd.leave();
  } finally {
    http.close();
    crowd.stop();
  }
}

async function silences({ settings, verdict }: VoicePart, room: Room): Promise<void> {
  const { crowd, listener, talker } = room;
  const member = `/channels/${crowd.sids[0]}/voice/${talker.uid}`;
  const overwrite = `/channels/${crowd.sids[0]}/overwrites/${talker.uid}`;
  const moderate = (body: object) => room.ask('PATCH', member, body);
  const muted: number[] = [];
  const deafened: number[] = [];
  const forbidden: number[] = [];
  for (let round = 0; round < settings.rounds; round += 1) {
    muted.push(await silence(listener, talker, () => moderate({ muted: true })));
    await moderate({ muted: false });
    deafened.push(await silence(talker, listener, () => moderate({ deafened: true })));
    await moderate({ deafened: false });
  }
  const deny = { type: 'member', allow: '0', deny: String(SPEAK) };
  forbidden.push(await silence(listener, talker, () => room.ask('PUT', overwrite, deny)));
  await room.ask('DELETE', overwrite);
  verdict.progress(
    `${settings.rounds} times muted and deafened by a moderator, once forbidden to speak`,
  );
  verdict.time('V11 muted by a moderator, last packet after', most(muted), 'ms', SILENT_MS);
  verdict.time('V11 deafened by a moderator', most(deafened), 'ms', SILENT_MS);
  verdict.time('V11 the right to speak is lost', most(forbidden), 'ms', SILENT_MS);
  talker.peer.rejoin();
}

/** Ms from the beginning of `act` to the last packet that `one` hears of `other`. */
async function silence(
  one: VoiceClient,
  other: VoiceClient,
  act: () => Promise<unknown>,
): Promise<number> {
  const heard = await until('is heard', HEARD_MAX_MS, () => {
    const voice = one.peer.heardOf(other.peer.pid);
    return voice !== undefined && performance.now() - voice.lastMs < 50 ? voice : undefined;
  });
  const fromMs = performance.now();
  await act();
  await pause(LISTEN_MS);
  return heard.lastMs - fromMs;
}

async function speaking({ settings, verdict }: VoicePart, room: Room): Promise<void> {
  const { crowd, listener, talker } = room;
  await crowd.allHear();
  const known: number[] = [];
  const quiet: number[] = [];
  crowd.hush();
  await pause(2 * QUIET_MS);
  for (let round = 0; round < settings.rounds; round += 1) {
    const seen = listener.peer.next(isSpeaking(talker.uid, true));
    const fromMs = performance.now();
    crowd.talk([talker]);
    known.push((await seen).atMs - fromMs);
    const ended = listener.peer.next(isSpeaking(talker.uid, false));
    await pause(LISTEN_MS);
    const stopMs = performance.now();
    crowd.hush();
    quiet.push((await ended).atMs - stopMs);
  }
  verdict.figure('V12 who speaks is known after, half of the times', percentile(known, 0.5), 'ms');
  verdict.time('V12 the longest', most(known), 'ms', KNOWN_MS);
  verdict.time('V12 that they stopped, the longest', most(quiet), 'ms', QUIET_MS);
}

function isSpeaking(uid: number, isOn: boolean): (event: VoiceEvent) => boolean {
  return ({ body, kind }) => {
    if (kind !== KIND.speaking) return false;
    const level = (body[0] as readonly (readonly number[])[]).find(([who]) => who === uid)?.[1];
    return isOn ? (level ?? 0) > 0 : level === 0;
  };
}

function most(values: readonly number[]): number {
  return Math.max(...values);
}
