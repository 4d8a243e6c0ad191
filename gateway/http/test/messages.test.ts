/** Messages over HTTP: pages, nonces, ERR codes of the append path, repeats after unknown outcomes. */
import { describe, expect, test } from 'vitest';
import { ActorError } from '../../../runtime/index.ts';
import { RATE_LIMITS } from '../../rates/index.ts';
import { expectError, Harness } from './harness.ts';

async function talk(count = 0) {
  const h = await Harness.create();
  const { uid, token } = await h.user('alice');
  const { gid, sid } = await h.guild(uid);
  for (let i = 1; i <= count; i++) {
    await h.world.stream(sid)('append', { uid, nonce: `n${i}`, kind: 1, body: [`text ${i}`] });
  }
  const path = `/channels/${sid}/messages`;
  const seqs = async (query: string): Promise<number[]> => {
    const answer = await h.api('GET', `${path}${query}`, { token });
    expect(answer.status).toBe(200);
    return answer.body.items.map((item: { seq: number }) => item.seq);
  };
  return { h, uid, token, gid, sid, path, seqs };
}

describe('GET messages', () => {
  test('the newest without an anchor, before and after exclusive, around inclusive', async () => {
    const { seqs } = await talk(60);
    expect(await seqs('')).toEqual(Array.from({ length: 50 }, (_, i) => i + 11));
    expect(await seqs('?limit=2')).toEqual([59, 60]);
    expect(await seqs('?before=10&limit=3')).toEqual([7, 8, 9]);
    expect(await seqs('?after=10&limit=3')).toEqual([11, 12, 13]);
    expect(await seqs('?after=0&limit=2')).toEqual([1, 2]);
    expect(await seqs('?around=30&limit=3')).toEqual([29, 30, 31]);
    expect(await seqs('?before=0')).toEqual([]);
    expect(await seqs('?after=60&limit=100')).toEqual([]);
  });

  test('numbers of the stream and the whole message', async () => {
    const { h, uid, token, sid, path } = await talk(1);
    const stored = h.world.messages.get(sid)?.[0];
    h.world.messages.set(sid, [
      {
        ...(stored as NonNullable<typeof stored>),
        editedAt: 5,
        reactions: [{ emoji: 'x', count: 2, me: true }],
        attachments: [['a1', 'cat.png', 12, 'image/png']],
      },
    ]);
    const answer = await h.api('GET', path, { token });
    expect(answer.body).toEqual({
      epoch: 77,
      first: 1,
      head: 1,
      items: [
        {
          channelId: String(sid),
          seq: 1,
          epoch: 77,
          ts: h.world.nowMs,
          kind: 1,
          authorId: String(uid),
          content: 'text 1',
          replyTo: null,
          editedAt: 5,
          reactions: [{ emoji: 'x', count: 2, me: true }],
          attachments: [{ id: 'a1', name: 'cat.png', size: 12, mime: 'image/png' }],
        },
      ],
    });
  });

  test('403 without the right to read history, 503 when the stream cannot read', async () => {
    const { h, token, path } = await talk(1);
    h.world.rights.history = false;
    expectError(await h.api('GET', path, { token }), 403, 'forbidden');
    h.world.before = () => {
      throw new ActorError('timeout', 'call');
    };
    expectError(await h.api('GET', path, { token }), 503, 'unavailable');
  });
});

describe('POST messages', () => {
  test('201 first, 200 with the same message again, 409 for other content', async () => {
    const { h, uid, token, sid, path } = await talk();
    const body = { content: 'hello\n\u{1f600}', nonce: 'n-1' };
    const first = await h.api('POST', path, { token, body });
    expect(first.status).toBe(201);
    expect(first.body).toEqual({
      channelId: String(sid),
      seq: 1,
      epoch: 77,
      ts: h.world.nowMs,
      kind: 1,
      authorId: String(uid),
      content: body.content,
      replyTo: null,
      editedAt: null,
      reactions: [],
      attachments: [],
    });
    const again = await h.api('POST', path, { token, body });
    expect([again.status, again.body]).toEqual([200, first.body]);
    const other = await h.api('POST', path, { token, body: { ...body, content: 'else' } });
    expectError(other, 409, 'nonce_reused');
    expect(h.world.messages.get(sid)).toHaveLength(1);
  });

  test('a repeat shows the message as it is now: edited, deleted, or only what was sent', async () => {
    const { h, uid, token, sid, path } = await talk();
    const body = { content: 'hello', nonce: 'n-1' };
    await h.api('POST', path, { token, body });
    const stored = h.world.messages.get(sid) as NonNullable<
      ReturnType<typeof h.world.messages.get>
    >;
    const duplicate = { ok: true, epoch: 77, seq: 1, ts: h.world.nowMs, duplicate: true } as const;
    h.world.messages.set(sid, [{ ...stored[0]!, content: 'edited', editedAt: 9 }]);
    h.world.appendReplies.push(duplicate);
    const edited = await h.api('POST', path, { token, body });
    expect(edited.body).toMatchObject({ kind: 1, content: 'edited', editedAt: 9 });
    h.world.messages.set(sid, []);
    h.world.appendReplies.push(duplicate);
    const gone = await h.api('POST', path, { token, body });
    expect(gone.status).toBe(200);
    expect(gone.body).toMatchObject({ kind: 0, content: '', seq: 1, authorId: String(uid) });
    h.world.rights.history = false;
    h.world.appendReplies.push(duplicate);
    expect((await h.api('POST', path, { token, body })).body).toMatchObject({
      kind: 1,
      content: 'hello',
    });
  });

  test('replyTo: a message of the channel, else 422', async () => {
    const { h, token, path } = await talk(1);
    const good = await h.api('POST', path, {
      token,
      body: { content: 'x', nonce: 'a', replyTo: 1 },
    });
    expect(good.body.replyTo).toBe(1);
    const none = await h.api('POST', path, {
      token,
      body: { content: 'x', nonce: 'b', replyTo: null },
    });
    expect([none.status, none.body.replyTo]).toEqual([201, null]);
    const bad = await h.api('POST', path, {
      token,
      body: { content: 'x', nonce: 'c', replyTo: 9 },
    });
    expectError(bad, 422, 'invalid', 'replyTo');
  });

  test.each([
    [301, 404, 'not_found', undefined],
    [303, 403, 'forbidden', undefined],
    [311, 409, 'nonce_reused', undefined],
    [110, 422, 'invalid', 'content'],
    [111, 422, 'invalid', 'content'],
    [101, 404, 'not_found', undefined],
    [420, 429, 'rate_limited', undefined],
    [421, 429, 'rate_limited', undefined],
    [502, 503, 'unavailable', undefined],
    [503, 503, 'unavailable', undefined],
    [500, 500, 'internal', undefined],
  ])('ERR %i of the stream is %i %s', async (code, status, name, field) => {
    const { h, token, path } = await talk();
    h.world.appendReplies.push({ ok: false, code, retryMs: 1500 });
    const answer = await h.api('POST', path, { token, body: { content: 'x', nonce: 'a' } });
    expectError(answer, status, name, field);
    if (status === 429 || status === 503) {
      expect(answer.body.retryAfterMs).toBe(1500);
      expect(answer.headers.get('retry-after')).toBe('2');
    }
    expect(h.world.appendCalls).toBe(1);
  });

  test('an unknown outcome is repeated with the same nonce, and what comes of it is this message', async () => {
    const { h, token, path, sid } = await talk();
    const lost = (reason: 'noconnection' | 'timeout') => (): never => {
      throw new ActorError(reason, 'call');
    };
    h.world.appendReplies.push(lost('noconnection'), { ok: false, code: 501 }, lost('timeout'));
    const answer = await h.api('POST', path, { token, body: { content: 'x', nonce: 'a' } });
    expect(answer.status).toBe(201);
    expect(h.world.appendCalls).toBe(4);
    expect(h.app.stats()).toMatchObject({ appendRepeats: 3, streamsKnown: 1 });
    expect(h.world.messages.get(sid)).toHaveLength(1);
    h.world.appendReplies.push(lost('noconnection'), {
      ok: true,
      epoch: 77,
      seq: 1,
      ts: 5,
      duplicate: true,
    });
    const after = await h.api('POST', path, { token, body: { content: 'x', nonce: 'a' } });
    expect(after.status).toBe(201);
  });

  test('an outcome that stays unknown is 503 after a bounded number of attempts', async () => {
    const { h, token, path } = await talk();
    for (let i = 0; i < 20; i++) h.world.appendReplies.push({ ok: false, code: 501 });
    const answer = await h.api('POST', path, { token, body: { content: 'x', nonce: 'a' } });
    expectError(answer, 503, 'unavailable');
    expect(h.world.appendCalls).toBe(4);
    const { h: refused, token: other, path: where } = await talk();
    refused.world.appendReplies.push((): never => {
      throw new ActorError('unavailable', 'call');
    });
    expectError(
      await refused.api('POST', where, { token: other, body: { content: 'x', nonce: 'a' } }),
      503,
      'unavailable',
    );
    expect(refused.world.appendCalls).toBe(1);
  });

  test('5 per 5 s and channel, shared with the socket through the table', async () => {
    const { h, uid, token, sid, path } = await talk();
    expect(h.rateTable.take(RATE_LIMITS.appendPerUserStream, [uid, sid], 3)).toBe(0);
    const send = (n: number) =>
      h.api('POST', path, { token, body: { content: 'x', nonce: `n${n}` } });
    expect((await send(1)).status).toBe(201);
    expect((await send(2)).status).toBe(201);
    const refused = await send(3);
    expectError(refused, 429, 'rate_limited');
    expect(refused.body.retryAfterMs).toBe(1000);
    expect(refused.headers.get('ratelimit-limit')).toBe('5');
    expect(refused.headers.get('ratelimit-remaining')).toBe('0');
    h.clock.ms += 1000;
    expect((await send(3)).status).toBe(201);
  });

  test('an own message moves the own marker; that this fails changes nothing', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { sid } = await h.guild(uid);
    const post = (nonce: string) =>
      h.api('POST', `/channels/${sid}/messages`, { token, body: { content: 'x', nonce } });
    expect([(await post('a')).status, (await post('a')).status]).toEqual([201, 200]);
    h.world.before = (op) => {
      if (op === 'wrote') throw new ActorError('timeout', 'wrote');
    };
    expect((await post('b')).status).toBe(201);
    expect(h.world.wrote).toEqual([
      [uid, sid, 1],
      [uid, sid, 1],
    ]);
  });

  test('attachments and flags: elements 3 and 4 of the event; shown with the message', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { sid } = await h.guild(uid);
    const bodies: unknown[] = [];
    h.world.onAppend = ({ body }) => {
      bodies.push(body);
      return { ok: true, epoch: 77, seq: bodies.length, ts: 1, duplicate: false };
    };
    const post = (more: object) =>
      h.api('POST', `/channels/${sid}/messages`, {
        token,
        body: { content: 'x', nonce: `n${bodies.length}`, ...more },
      });
    const file = { id: 'f1', name: 'a.png', size: 3, mime: 'image/png' };
    expect((await post({ attachments: [file] })).body.attachments).toEqual([file]);
    await post({ silent: true, replyTo: 1 });
    await post({ mentionsEveryone: true, silent: false, attachments: [] });
    expect(bodies).toEqual([
      ['x', null, 0, [['f1', 'a.png', 3, 'image/png']]],
      ['x', 1, 1, []],
      ['x', null, 2, []],
    ]);
    const refused: [object, string][] = [
      [{ attachments: [{ ...file, size: -1 }] }, 'attachments.0.size'],
      [{ attachments: [{ ...file, name: 'a\u0000' }] }, 'attachments.0.name'],
      [{ attachments: Array(11).fill(file) }, 'attachments'],
      [{ silent: 1 }, 'silent'],
    ];
    for (const [more, field] of refused) expectError(await post(more), 422, 'invalid', field);
  });
});
