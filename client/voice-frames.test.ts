/** What the client passes through of voice, against the scripted server. */
import { expect, test } from 'vitest';
import {
  Err,
  errFrame,
  Op,
  okVJoinFrame,
  parseVJoinResult,
  type VoiceFrame,
  VoiceJoin,
  VoiceKind,
  vJoinFrame,
  vLeaveFrame,
  voiceFrame,
} from '../gateway/protocol/index.ts';
import { settle } from './test/fake-clock.ts';
import { onlineRig } from './test/rig.ts';

const JOINED = {
  ...{ vsid: 3, ver: 1, routerCaps: '{}', iceServers: '[]' },
  ...{ participants: [], e2e: 0, epoch: 1 },
} as const;

test('voice: the request as built, its reply as it came, and VOICE behind it as an event', async () => {
  const parts = await onlineRig();
  const heard: VoiceFrame[] = [];
  parts.client.on('voice', (frame) => heard.push(frame));
  parts.server.intercept = (connection, request) => {
    if (request.op !== Op.V_JOIN) return false;
    connection.send(okVJoinFrame(request.rid, JOINED));
    connection.send(voiceFrame(3, 2, VoiceKind.JOINED, [9, 0]));
    return true;
  };
  const reply = await parts.client.voice((rid) => vJoinFrame(rid, 7, '{}', VoiceJoin.MUTED, 0));
  expect(reply.ok && parseVJoinResult(reply.result)?.vsid).toBe(3);
  await settle();
  expect(parts.server.last.sent(Op.V_JOIN).map((frame) => frame.slice(2))).toEqual([
    [7, '{}', VoiceJoin.MUTED, 0],
  ]);
  expect(heard).toEqual([{ op: Op.VOICE, vsid: 3, ver: 2, kind: VoiceKind.JOINED, body: [9, 0] }]);
});

test('voice: an ERR and the end of the connection are replies, nothing is sent again', async () => {
  const parts = await onlineRig();
  parts.server.intercept = (connection, request) => {
    if (request.op !== Op.V_LEAVE) return false;
    connection.send(errFrame(request.rid, Err.VOICE_GONE));
    return true;
  };
  const refused = await parts.client.voice((rid) => vLeaveFrame(rid, 3));
  expect(refused).toMatchObject({ ok: false, code: Err.VOICE_GONE });
  parts.server.intercept = (_connection, { op }) => op === Op.V_LEAVE;
  const asked = parts.client.voice((rid) => vLeaveFrame(rid, 4));
  parts.server.last.kill();
  expect(await asked).toEqual({ ok: false, isLost: true });
  await parts.clock.advance(10_000);
  expect(parts.client.state.name).toBe('online');
  expect(parts.server.last.sent(Op.V_LEAVE)).toEqual([]);
});
