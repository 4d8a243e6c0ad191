/** What a voice session tells the key exchange of end-to-end encryption, and carries for it. */
import { expect, test } from 'vitest';
import { VoiceKind } from '../../gateway/protocol/index.ts';
import { FakeKeys, voiceRig } from './test/fakes.ts';
import { E2E_KEYS } from './types.ts';

async function joinedRig() {
  const keys = new FakeKeys();
  const rig = voiceRig({ keys });
  await rig.session.join();
  await rig.clock.advance(0);
  return { ...rig, keys };
}

test('VoiceSession: keys hear who is there, who comes and who leaves', async () => {
  const { server, keys } = await joinedRig();
  server.change(VoiceKind.JOINED, 3, 0);
  server.change(VoiceKind.LEFT, 2);
  expect(keys.log).toEqual([
    ['joined', 1, 2],
    ['people', 1, 2, 3],
    ['people', 1, 3],
  ]);
});

test('VoiceSession: back on a connection, keys are told that messages may have been missed', async () => {
  const { server, clock, keys } = await joinedRig();
  server.online = false;
  server.reconnect();
  await clock.advance(0);
  expect(keys.log).toEqual([
    ['joined', 1, 2],
    ['joined', 1, 2],
  ]);
});

test('VoiceSession: messages of keys are carried both ways, others are not ours', async () => {
  const { server, clock, keys } = await joinedRig();
  server.push(VoiceKind.E2E, 2, E2E_KEYS, 'aGk=');
  server.push(VoiceKind.E2E, 2, E2E_KEYS + 1, 'aGk=');
  server.push(VoiceKind.E2E, 'x', E2E_KEYS, 'aGk=');
  expect(keys.log.slice(1)).toEqual([['receive', 2, 'aGk=']]);
  expect(await keys.send(null, 'eW8=')).toBe(true);
  server.online = false;
  const sent = keys.send(2, 'eW8=');
  await clock.advance(0);
  expect(await sent).toBe(false);
  expect(server.asked.filter(([name]) => name === 'V_E2E')).toEqual([
    ['V_E2E', 7, null, E2E_KEYS, 'eW8='],
    ['V_E2E', 7, 2, E2E_KEYS, 'eW8='],
  ]);
});
