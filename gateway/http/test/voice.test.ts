/** Rows about voice rooms: who is there, and what moderators do. */
import { describe, expect, test } from 'vitest';
import { PERM_VIEW } from '../../../channels/index.ts';
import { ActorError } from '../../../runtime/index.ts';
import type { RoomP } from '../../../voice/index.ts';
import type { Caller } from '../types.ts';
import { expectError, Harness } from './harness.ts';

const OK = { ok: true, value: null } as const;

/** A channel whose room answers `answer` to everything, and what it was asked. */
async function withRoom(answer: () => unknown, perms: number | null = PERM_VIEW) {
  const asked: (readonly [op: string, m: unknown])[] = [];
  const room = ((op: string, m: unknown) => {
    asked.push([op, m]);
    return Promise.resolve().then(answer);
  }) as unknown as Caller<RoomP>;
  const h = await Harness.create({ room: () => room });
  const alice = await h.user('alice');
  const { sid } = await h.guild(alice.uid);
  h.world.script.set('voicePerms', perms === null ? null : [perms]);
  return { h, ...alice, sid, asked, path: `/channels/${sid}/voice` };
}

const gone = (): never => {
  throw new ActorError('noconnection', 'call room');
};

describe('the roster', () => {
  test('everybody with their flags', async () => {
    const people = [
      [7, 1 | 8 | 32, [[3, 1, false]]],
      [9, 2 | 4 | 16 | 64 | 128, []],
    ];
    const { h, token, path } = await withRoom(() => ({ ok: true, value: people }));
    const answer = await h.api('GET', path, { token });
    const nothing = { muted: false, deafened: false, serverMuted: false, serverDeafened: false };
    const none = { ...nothing, priority: false, speaker: false, hand: false, recorded: false };
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        items: [
          { userId: '7', ...none, muted: true, serverDeafened: true, speaker: true },
          {
            ...{ userId: '9', ...none, deafened: true, serverMuted: true },
            ...{ priority: true, hand: true, recorded: true },
          },
        ],
        next: null,
      },
    ]);
  });

  test('no voice thread, no voice at all: nobody is there', async () => {
    const { h, token, path } = await withRoom(gone);
    expect((await h.api('GET', path, { token })).body).toEqual({ items: [], next: null });
    const without = await Harness.create();
    const alice = await without.user('alice');
    const { sid } = await without.guild(alice.uid);
    without.world.script.set('voicePerms', [PERM_VIEW]);
    const answer = await without.api('GET', `/channels/${sid}/voice`, { token: alice.token });
    expect(answer.body).toEqual({ items: [], next: null });
  });

  test('without the right to view, or no voice channel: 404, and no room is asked', async () => {
    const { h, token, path, asked } = await withRoom(() => OK, 0);
    expectError(await h.api('GET', path, { token }), 404, 'not_found');
    expectError(await h.api('GET', '/channels/12345/voice', { token }), 404, 'not_found');
    expect(asked).toEqual([]);
  });

  test('the guild or the room cannot answer now: 503', async () => {
    const { h, token, path } = await withRoom(() => OK, null);
    expectError(await h.api('GET', path, { token }), 503, 'unavailable');
    const busy = await withRoom(() => ({ ok: false, error: 'unavailable', retryMs: 1500 }));
    const answer = await busy.h.api('GET', busy.path, { token: busy.token });
    expectError(answer, 503, 'unavailable');
    expect(answer.headers.get('retry-after')).toBe('2');
  });
});

describe('moderation', () => {
  test('PATCH: each field is one act, in their order', async () => {
    const { h, uid, token, path, asked } = await withRoom(() => OK);
    const all = { speaker: true, muted: true, deafened: false, priority: true, channelId: '88' };
    expect((await h.api('PATCH', `${path}/9`, { token, body: all })).status).toBe(204);
    const order = (act: object) => ['moderate', { by: uid, target: 9, act }];
    expect(asked).toEqual([
      order({ kind: 'mute', on: true }),
      order({ kind: 'deafen', on: false }),
      order({ kind: 'priority', on: true }),
      order({ kind: 'speaker', on: true }),
      order({ kind: 'move', to: 88 }),
    ]);
  });

  test('DELETE: disconnects; recording: on and off', async () => {
    const { h, uid, token, path, asked, sid } = await withRoom(() => OK);
    expect((await h.api('DELETE', `${path}/9`, { token })).status).toBe(204);
    const recording = `/channels/${sid}/recording`;
    expect((await h.api('PUT', recording, { token })).status).toBe(204);
    expect((await h.api('DELETE', recording, { token })).status).toBe(204);
    const record = (on: boolean) => [
      'moderate',
      { by: uid, target: uid, act: { kind: 'record', on } },
    ];
    expect(asked).toEqual([
      ['moderate', { by: uid, target: 9, act: { kind: 'disconnect' } }],
      record(true),
      record(false),
    ]);
  });

  test('playback: begins and ends as an act, and shows what is played', async () => {
    const now = { file: 'a.opus', by: 9 };
    const answers: unknown[] = [OK, OK, { ok: true, value: { now, files: ['a.opus'] } }];
    const { h, uid, token, asked, sid } = await withRoom(() => answers.shift());
    const path = `/channels/${sid}/playback`;
    expect((await h.api('PUT', path, { token, body: { file: 'a.opus' } })).status).toBe(204);
    expect((await h.api('DELETE', path, { token })).status).toBe(204);
    const shown = { file: 'a.opus', userId: '9', files: ['a.opus'] };
    expect((await h.api('GET', path, { token })).body).toEqual(shown);
    const play = (file: string | null) => [
      'moderate',
      { by: uid, target: uid, act: { kind: 'play', file } },
    ];
    expect(asked).toEqual([play('a.opus'), play(null), ['playback', { uid }]]);
  });

  test.each(['../a.opus', 'a/b.opus', '.a.opus', 'a.mp3', ''])(
    'playback of %j: 422, and no room is asked',
    async (file) => {
      const { h, token, asked, sid } = await withRoom(() => OK);
      const answer = await h.api('PUT', `/channels/${sid}/playback`, { token, body: { file } });
      expectError(answer, 422, 'invalid', 'file');
      expect(asked).toEqual([]);
    },
  );

  test('playback where no voice thread runs: nothing is played', async () => {
    const { h, token, sid } = await withRoom(gone);
    const path = `/channels/${sid}/playback`;
    const nothing = { file: null, userId: null, files: [] };
    expect((await h.api('GET', path, { token })).body).toEqual(nothing);
    expectError(await h.api('PUT', path, { token, body: { file: 'a.opus' } }), 404, 'not_found');
  });

  test.each([
    ['not_found', 404, 'not_found'],
    ['forbidden', 403, 'forbidden'],
    ['voice_full', 409, 'conflict'],
    ['unavailable', 503, 'unavailable'],
  ] as const)('a room that says %s: %i', async (error, status, code) => {
    const { h, token, path, asked } = await withRoom(() => ({ ok: false, error }));
    const body = { muted: true, deafened: true };
    expectError(await h.api('PATCH', `${path}/9`, { token, body }), status, code);
    expect(asked).toHaveLength(1);
  });

  test('nobody is there: 404; nothing to do: 422', async () => {
    const { h, token, path } = await withRoom(gone);
    expectError(await h.api('DELETE', `${path}/9`, { token }), 404, 'not_found');
    expectError(await h.api('PATCH', `${path}/9`, { token, body: {} }), 422, 'invalid', 'body');
  });
});
