/** DMs and groups over HTTP against a server with all its threads: a race of two sides, a crash, the end of a group. */
import { describe, expect, test } from 'vitest';
import { errorOf } from './support/api-answers.ts';
import { useServer } from './support/fixture.ts';
import type { HttpCall } from './support/http-client.ts';

const fixture = useServer({ users: 4, env: { DRIFTWAY_HEART: 'on' } });
const uid = (n: number): string => fixture.user(n).id;

interface Dm {
  readonly id: string;
  readonly name: string | null;
  readonly ownerId: string | null;
  readonly members: readonly { readonly id: string }[];
}

const open = (n: number, body: object) =>
  fixture.http.api('/users/@me/dms', { token: fixture.token(n), method: 'POST', body });
const refused = async (path: string, call: HttpCall = {}) =>
  errorOf(await fixture.http.api(path, call));
const say = (n: number, id: string, content: string) =>
  fixture.http.api(`/channels/${id}/messages`, {
    token: fixture.token(n),
    body: { content, nonce: content.replaceAll(' ', '-') },
  });

describe('DMs', () => {
  test('both sides open at once, many times: one dm, also after a kill of the server', async () => {
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, i) => open(i % 2, { userId: uid(1 - (i % 2)) })),
    );
    expect(all.map((one) => one.status)).toEqual(all.map(() => 200));
    const ids = new Set(all.map((one) => (one.body as Dm).id));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    expect((await say(0, id, 'before the kill')).status).toBe(201);
    await fixture.server.killServer();
    await fixture.server.ready();
    expect(((await open(1, { userId: uid(0) })).body as Dm).id).toBe(id);
    const page = await fixture.http.want<{ items: { content: string }[] }>(
      200,
      `/channels/${id}/messages`,
      { token: fixture.token(1) },
    );
    expect(page.items.map((message) => message.content)).toEqual(['before the kill']);
    expect(await refused(`/channels/${id}/messages`, { token: fixture.token(2) })).toEqual([
      404,
      'not_found',
    ]);
  });

  test('a group: added to, named by nobody else, left until it ends', async () => {
    const made = (await open(0, { userIds: [uid(1)] })).body as Dm;
    expect([made.ownerId, made.members.map(({ id }) => id)]).toEqual([uid(0), [uid(0), uid(1)]]);
    const path = `/dms/${made.id}`;
    const put = { token: fixture.token(1), method: 'PUT' };
    await fixture.http.api(`${path}/recipients/${uid(2)}`, put);
    expect((await say(2, made.id, 'hello all')).status).toBe(201);
    expect(await refused(path, { token: fixture.token(3) })).toEqual([404, 'not_found']);
    for (const n of [0, 1, 2]) {
      const left = { token: fixture.token(n), method: 'DELETE' };
      expect((await fixture.http.api(`${path}/recipients/@me`, left)).status).toBe(204);
      expect(await refused(path, { token: fixture.token(n) })).toEqual([404, 'not_found']);
    }
    expect((await say(2, made.id, 'is anybody there')).status).toBe(404);
  });
});
