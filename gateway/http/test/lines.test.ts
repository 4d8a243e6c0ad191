/** What the log says of requests, and the ids by which they are found again. */
import { describe, expect, test } from 'vitest';
import { DriftwayError } from '../../../runtime/index.ts';
import { Harness } from './harness.ts';

describe('the access log', () => {
  test('every request is one line: id, method, pattern, status, time; no path', async () => {
    const h = await Harness.create();
    const headers = { 'x-request-id': 'r1' };
    await h.api('GET', '/invites/secret-code?x=1', { headers });
    expect(h.logged).toEqual([
      {
        level: 'info',
        message: 'http',
        fields: {
          requestId: 'r1',
          method: 'GET',
          route: '/api/v1/invites/:code',
          status: 400,
          tookMs: 0,
        },
      },
    ]);
  });

  test('lines: a probe is one for debugging, a failure of ours a warning', async () => {
    const h = await Harness.create({
      streamInfo: async () => {
        throw new DriftwayError('DRIFT_CHANNELS_STORE_UNAVAILABLE', 'read: the disk is gone');
      },
    });
    const { token } = await h.user('alice');
    h.logged.length = 0;
    await h.ask('GET', '/health');
    await h.api('GET', '/channels/5/messages', { token });
    const lines = h.logged.filter(({ message }) => message === 'http');
    expect(lines.map(({ level }) => level)).toEqual(['debug', 'warn']);
    expect(lines[1]?.fields).toMatchObject({ status: 503, route: '/api/v1/channels/:id/messages' });
  });

  test('/metrics: it cannot be had now, 503', async () => {
    const h = await Harness.create({ metrics: () => undefined });
    const answer = await h.ask('GET', '/metrics', { ip: '127.0.0.1' });
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
  });

  test('lines: more than somebody can read, the rest is for debugging and counted', async () => {
    const h = await Harness.create();
    for (let i = 0; i < 120; i++) await h.api('GET', '/nope', { ip: `10.0.0.${i % 250}` });
    const levels = h.logged.map(({ level }) => level);
    expect(levels.filter((level) => level === 'info')).toHaveLength(100);
    expect(levels.filter((level) => level === 'debug')).toHaveLength(20);
    expect(h.app.stats().accessLinesSkipped).toBe(20);
  });

  test('x-correlation-id: taken as the id of the request, told back, and logged beside another', async () => {
    const h = await Harness.create();
    const one = await h.api('GET', '/nope', { headers: { 'x-correlation-id': 'c1' } });
    expect(one.headers.get('x-request-id')).toBe('c1');
    expect(one.headers.get('x-correlation-id')).toBe('c1');
    const both = { 'x-correlation-id': 'c2', 'x-request-id': 'r2' };
    const two = await h.api('GET', '/nope', { headers: both });
    expect(two.headers.get('x-request-id')).toBe('r2');
    expect(two.headers.get('x-correlation-id')).toBe('c2');
    const bad = await h.api('GET', '/nope', { headers: { 'x-correlation-id': 'a b' } });
    expect(bad.headers.get('x-correlation-id')).toBeNull();
    expect(h.logged.map(({ fields }) => fields)).toMatchObject([
      { requestId: 'c1' },
      { requestId: 'r2', correlationId: 'c2' },
      {},
    ]);
    expect(h.logged[0]?.fields).not.toHaveProperty('correlationId');
  });

  test('entities: asked on behalf of a request, told its id', async () => {
    const h = await Harness.create();
    const alice = await h.user('alice');
    const { gid } = await h.guild(alice.uid);
    const told: (string | undefined)[] = [];
    const seen = await Harness.create({
      guild: (id, requestId) => {
        told.push(requestId);
        return h.world.guild(id);
      },
    });
    const token = await seen.issue(alice.uid, 'l');
    await seen.api('GET', `/guilds/${gid}`, { token, headers: { 'x-request-id': 'r9' } });
    expect(told).toEqual(['r9']);
  });
});
