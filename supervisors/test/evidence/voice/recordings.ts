/** Part of the driver `voice`: driftway-audio is killed while a call is recorded (V8). */
import { readdirSync, readFileSync } from 'node:fs';
import { audioBinary } from '../../../../native/audio/index.ts';
import { HttpClient } from '../../support/http-client.ts';
import { until } from '../../support/server-process.ts';
import { VoiceCrowd } from '../../support/voice-crowd.ts';
import { GapMeter } from '../../support/voice-gaps.ts';
import type { VoicePart } from './types.ts';

const PEOPLE = 4;
/** V8. */
const BACK_MS = 2_000;
const BACK_MAX_MS = 20_000;
const PACKETS = 50;

export async function recordings({ server, verdict }: VoicePart): Promise<void> {
  const binary = await audioBinary({ background: false });
  if (!binary.ok) throw new Error(binary.message);
  const { port } = server;
  const crowd = await VoiceCrowd.create({ port, people: PEOPLE, perRoom: PEOPLE });
  const http = new HttpClient(port);
  try {
    const token = crowd.members.logins[0]!.accessToken;
    const path = `/channels/${crowd.sids[0]}/recording`;
    await until('the recording', BACK_MAX_MS, async () =>
      (await http.api(path, { method: 'PUT', token })).status === 204 ? true : undefined,
    );
    const pid = await until('driftway-audio', BACK_MAX_MS, () => audioProcess(server.serverPid));
    const meter = new GapMeter(crowd.clients);
    await talked(crowd);
    const killedMs = performance.now();
    process.kill(pid, 'SIGKILL');
    await until('driftway-audio again', BACK_MAX_MS, () => {
      const next = audioProcess(server.serverPid);
      return next === pid ? undefined : next;
    });
    const backMs = performance.now() - killedMs;
    await talked(crowd);
    const lost = meter.take().reduce((sum, gap) => sum + gap.lost, 0);
    verdict.progress('driftway-audio was killed while it recorded a call of four');
    verdict.figure('V8 packets that the call lost', lost, '', 0);
    verdict.time('V8 driftway-audio runs again after', backMs, 'ms', BACK_MS);
    await http.want(204, path, { method: 'DELETE', token });
    await crowd.leave();
  } finally {
    http.close();
    crowd.stop();
  }
}

/** Everybody has heard so many packets more of everybody. */
async function talked({ clients }: VoiceCrowd): Promise<void> {
  const voices = clients.flatMap(({ peer }) => peer.heard());
  const before = new Map(voices.map((voice) => [voice, voice.packets]));
  await until('a while of talk', BACK_MAX_MS, () =>
    voices.every((voice) => voice.packets >= (before.get(voice) ?? 0) + PACKETS) ? true : undefined,
  );
}

function audioProcess(serverPid: number): number | undefined {
  const tasks = `/proc/${serverPid}/task`;
  const children = readdirSync(tasks).flatMap((task) =>
    readFileSync(`${tasks}/${task}/children`, 'latin1').trim().split(' '),
  );
  const found = children.find((pid) => pid !== '' && isAudio(pid));
  return found === undefined ? undefined : Number(found);
}

function isAudio(pid: string): boolean {
  try {
    const isIt = readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('driftway-audio');
    return isIt && !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z');
  } catch {
    return false;
  }
}
