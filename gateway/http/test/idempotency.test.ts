/** Idempotency-Key on POST: kept answers, refusals, bounds, and what happens when something dies. */
import { describe, expect, test } from 'vitest';
import { ActorError } from '../../../runtime/index.ts';
import { RATE_LIMITS } from '../../rates/index.ts';
import { expectError, Harness } from './harness.ts';

const DAY_MS = 86_400_000;
const key = (value: string) => ({ 'idempotency-key': value });

async function withAlice(change: Parameters<typeof Harness.create>[0] = {}) {
  const h = await Harness.create(change);
  const { uid, token } = await h.user('alice');
  const make = (name: string, value: string, by = token) =>
    h.api('POST', '/guilds', { token: by, body: { name }, headers: key(value) });
  return { h, uid, token, make };
}

describe('a repeat of the key', () => {
  test('the same request: the kept answer, once carried out, marked as replayed', async () => {
    const { h, make } = await withAlice();
    const first = await make('One', 'k1');
    const second = await make('One', '"k1"');
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(h.world.guilds.size).toBe(1);
    expect(h.app.stats().idempotentReplays).toBe(1);
  });

  test('POST with no body and a path: kept for whoever sent it, judged anew for another user', async () => {
    const { h, token } = await withAlice();
    const bob = await h.user('bob');
    const { gid } = await h.guild(bob.uid);
    const ask = { token: bob.token, headers: key('k') };
    const first = await h.api('POST', `/guilds/${gid}/invites`, ask);
    expect(first.status).toBe(201);
    expect((await h.api('POST', `/guilds/${gid}/invites`, ask)).body).toEqual(first.body);
    expect(h.world.invites.size).toBe(1);
    expectError(await h.api('POST', `/guilds/${gid}/invites`, { ...ask, token }), 404, 'not_found');
  });

  test('another body, path or query under it: 422 by name, nothing is done', async () => {
    const { h, token, make } = await withAlice();
    const { body } = await make('One', 'k1');
    expectError(await make('Two', 'k1'), 422, 'idempotency_key_reused', 'idempotency-key');
    const other = { token, body: { name: 'One' }, headers: key('k1') };
    const elsewhere = await h.api('POST', `/guilds/${body.id}/channels`, other);
    expectError(elsewhere, 422, 'idempotency_key_reused', 'idempotency-key');
    expect(h.world.guilds.size).toBe(1);
    expect(h.app.stats().idempotencyRefusals).toBe(2);
  });

  test('fields in another order are the same request; another user has keys of its own', async () => {
    const { h, token } = await withAlice();
    const post = (raw: string) =>
      h.api('POST', '/guilds', {
        token,
        raw,
        headers: { ...key('k'), 'content-type': 'application/json' },
      });
    expect((await post('{"name":"A"}')).status).toBe(201);
    expect((await post(' { "name" : "A" } ')).headers.get('idempotent-replayed')).toBe('true');
    const dora = await h.user('dora');
    const hers = { token: dora.token, body: { name: 'B' }, headers: key('k') };
    expect((await h.api('POST', '/guilds', hers)).headers.get('idempotent-replayed')).toBeNull();
  });

  test('another gateway thread and a restart: the record is in the store', async () => {
    const { h, uid, make } = await withAlice();
    const first = await make('One', 'k1');
    const again = await Harness.create({ accounts: h.world.accounts, docs: h.docs });
    const mine = await again.issue(uid, 'login');
    const ask = { token: mine, body: { name: 'One' }, headers: key('k1') };
    expect((await again.api('POST', '/guilds', ask)).body).toEqual(first.body);
    expect(h.world.guilds.size).toBe(1);
  });

  test('23 h later, past midnight: kept; after 24 h: a new request', async () => {
    const { h, uid, make } = await withAlice();
    const first = await make('One', 'k1');
    h.clock.ms += 23 * 3_600_000;
    const late = await make('One', 'k1', await h.issue(uid, 'l2'));
    expect(late.body).toEqual(first.body);
    h.clock.ms += 3_600_001;
    const fresh = await make('One', 'k1', await h.issue(uid, 'l3'));
    expect(fresh.body.id).not.toBe(first.body.id);
  });

  test('form: 1 to 255 visible ASCII characters, else 400', async () => {
    const { make, h } = await withAlice();
    for (const bad of ['', ' ', 'a b', 'x'.repeat(256), 'k1, k1', 'ä']) {
      expectError(await make('One', bad), 400, 'bad_request', 'idempotency-key');
    }
    expect((await make('One', 'x'.repeat(255))).status).toBe(201);
    expect(h.world.guilds.size).toBe(1);
  });
});

describe('what is not kept', () => {
  test('a refusal: the same key may succeed later', async () => {
    const { h, uid, token } = await withAlice();
    const { gid } = await h.guild((await h.user('bob')).uid);
    const ask = { token, body: {}, headers: key('k') };
    expectError(await h.api('POST', `/guilds/${gid}/invites`, ask), 404, 'not_found');
    h.world.addMember(gid, uid);
    expect((await h.api('POST', `/guilds/${gid}/invites`, ask)).status).toBe(201);
  });

  test('the content of a message: a repeat shows the message as it is now', async () => {
    const { h, token, uid } = await withAlice();
    const { sid } = await h.guild(uid);
    const ask = { token, body: { content: 'secret words', nonce: 'n1' }, headers: key('k') };
    const first = await h.api('POST', `/channels/${sid}/messages`, ask);
    const kept = await h.docs.list('idempotency', '', undefined, 10);
    expect(JSON.stringify(kept)).not.toContain('secret');
    const again = await h.api('POST', `/channels/${sid}/messages`, ask);
    expect([again.status, again.body]).toEqual([201, first.body]);
    h.world.messages.get(sid)?.splice(0);
    const gone = await h.api('POST', `/channels/${sid}/messages`, ask);
    expect([gone.status, gone.body]).toMatchObject([201, { seq: 1, kind: 0, content: '' }]);
    expect(h.world.appendCalls).toBe(1);
  });

  test('tokens: register again with the key is the same user with fresh tokens, for a day', async () => {
    const h = await Harness.create();
    const body = { username: 'alice', password: 'correct horse' };
    const register = (headers = {}, more = {}) =>
      h.api('POST', '/auth/register', { body: { ...body, ...more }, headers });
    const first = await register(key('k'));
    const again = await register(key('k'));
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.user).toEqual(first.body.user);
    expect(again.body.refreshToken).not.toBe(first.body.refreshToken);
    expectError(await register(), 409, 'username_taken');
    expectError(await register(key('k'), { password: 'another one' }), 409, 'username_taken');
    expect(await h.docs.list('idempotency', '', undefined, 10)).toEqual([]);
    h.clock.ms += DAY_MS;
    expectError(await register(key('k')), 409, 'username_taken');
  });

  test('tokens: register again with an invite that the first attempt used up', async () => {
    const h = await Harness.create();
    const body = { username: 'alice', password: 'correct horse', invite: 'once' };
    const register = () => h.api('POST', '/auth/register', { body, headers: key('k') });
    const first = await register();
    h.world.accounts.register = async () => ({ ok: false, code: 'invite_expired' });
    const again = await register();
    expect([again.status, again.body.user]).toEqual([201, first.body.user]);
    const other = { body: { ...body, username: 'bob' }, headers: key('k') };
    expectError(await h.api('POST', '/auth/register', other), 410, 'invite_expired');
  });

  test('tokens: register as a way to guess passwords costs tries of the account', async () => {
    const h = await Harness.create();
    await h.api('POST', '/auth/register', { body: { username: 'alice', password: 'right one' } });
    for (let i = 0; i < 10; i++) {
      const guess = { username: 'alice', password: `guess number ${i}` };
      const ask = { body: guess, headers: key('k'), ip: `198.51.100.${i}` };
      expectError(await h.api('POST', '/auth/register', ask), 409, 'username_taken');
    }
    const login = { body: { username: 'alice', password: 'right one' } };
    expectError(await h.api('POST', '/auth/login', login), 429, 'rate_limited');
  });
});

describe('interrupted requests', () => {
  test('two at once: the second waits for the first and gets its answer', async () => {
    const { h, make } = await withAlice();
    const [a, b] = await Promise.all([make('One', 'k1'), make('One', 'k1')]);
    expect([a.status, b.status]).toEqual([201, 201]);
    expect(a.body).toEqual(b.body);
    expect(h.world.guilds.size).toBe(1);
  });

  test('the first takes too long: 409 with a wait, nothing is done twice', async () => {
    const { h, uid, token } = await withAlice();
    const { gid } = await h.guild((await h.user('bob')).uid);
    h.world.addMember(gid, uid);
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    h.world.before = () => {
      begun.resolve();
      return held.promise;
    };
    const ask = { token, body: {}, headers: key('k') };
    const first = h.api('POST', `/guilds/${gid}/invites`, ask);
    // Tokens are verified off the thread: which of two requests goes on first is open.
    await begun.promise;
    const second = await h.api('POST', `/guilds/${gid}/invites`, ask);
    expectError(second, 409, 'idempotency_in_progress');
    expect(second.headers.get('retry-after')).toBe('1');
    held.resolve();
    expect((await first).status).toBe(201);
    expect((await h.api('POST', `/guilds/${gid}/invites`, ask)).body).toEqual((await first).body);
  });

  test('the outcome is not known (503): a repeat is told so and is not carried out', async () => {
    const { h, uid, token } = await withAlice();
    const { gid } = await h.guild((await h.user('bob')).uid);
    h.world.addMember(gid, uid);
    h.world.before = () => {
      throw new ActorError('timeout', 'createInvite');
    };
    const ask = { token, body: {}, headers: key('k') };
    expectError(await h.api('POST', `/guilds/${gid}/invites`, ask), 503, 'unavailable');
    h.world.before = () => {};
    expectError(await h.api('POST', `/guilds/${gid}/invites`, ask), 409, 'outcome_unknown');
    expect(h.world.invites.size).toBe(0);
  });

  test('refused before it began (503): a repeat is carried out', async () => {
    const { h, uid, token } = await withAlice();
    const { gid } = await h.guild((await h.user('bob')).uid);
    h.world.addMember(gid, uid);
    h.world.before = () => {
      throw new ActorError('mailboxFull', 'createInvite');
    };
    const ask = { token, body: {}, headers: key('k') };
    expectError(await h.api('POST', `/guilds/${gid}/invites`, ask), 503, 'unavailable');
    h.world.before = () => {};
    expect((await h.api('POST', `/guilds/${gid}/invites`, ask)).status).toBe(201);
  });

  test('the process died in between: in progress for 30 s, then the outcome is not known', async () => {
    const { h, make } = await withAlice();
    const write = h.docs.write.bind(h.docs);
    await new Promise<void>((died) => {
      let writes = 0;
      h.docs.write = (batch) => {
        writes += 1;
        if (writes === 1) return write(batch);
        died();
        return new Promise<never>(() => {});
      };
      // Never answered: nobody waits for it.
      void make('One', 'k1');
    });
    expect(h.world.guilds.size).toBe(1);
    h.docs.write = write;
    expectError(await make('One', 'k1'), 409, 'idempotency_in_progress');
    h.clock.ms += 30_000;
    expectError(await make('One', 'k1'), 409, 'outcome_unknown');
    expect(h.world.guilds.size).toBe(1);
  });

  test('the store is away: 503 before anything is done', async () => {
    const { h, make } = await withAlice();
    const write = h.docs.write.bind(h.docs);
    h.docs.write = async () => ({ ok: false, why: 'unavailable', retryMs: 70 });
    expectError(await make('One', 'k1'), 503, 'unavailable');
    expect(h.world.guilds.size).toBe(0);
    h.docs.write = write;
    expect((await make('One', 'k1')).status).toBe(201);
  });
});

describe('bounds', () => {
  test('2,000 new keys per user and day, then 429; known keys go on', async () => {
    const { h, uid, token } = await withAlice();
    const { body } = await h.api('POST', '/guilds', {
      token,
      body: { name: 'A' },
      headers: key('first'),
    });
    for (let i = 1; i < 2000; i++) h.rateTable.take(RATE_LIMITS.idempotencyPerUser, uid);
    const post = (value: string) =>
      h.api('POST', '/guilds', { token, body: { name: 'A' }, headers: key(value) });
    const refused = await post('another');
    expectError(refused, 429, 'rate_limited');
    expect(refused.headers.get('ratelimit-limit')).toBe('2000');
    expect((await post('first')).body).toEqual(body);
    expect((await h.api('POST', '/guilds', { token, body: { name: 'A' } })).status).toBe(201);
  });

  test('old records are deleted a page at a time by whoever writes a new one', async () => {
    const { h, make } = await withAlice();
    const old = Array.from({ length: 450 }, (_, i) => ({
      kind: 'idempotency',
      key: `000001/${String(i).padStart(16, '0')}/x`,
      expect: 'absent' as const,
      value: { at: 1, fingerprint: 'x' },
    }));
    await h.docs.write(old);
    const left = async () => (await h.docs.list('idempotency', '0000', undefined, 1000)).length;
    await make('One', 'k1');
    expect(await left()).toBe(250);
    await make('One', 'k2');
    await make('One', 'k3');
    expect(await left()).toBe(0);
    expect((await make('One', 'k1')).headers.get('idempotent-replayed')).toBe('true');
  });
});
