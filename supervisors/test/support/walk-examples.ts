/**
 * What the walk over the API sends where a body is needed, and the documented statuses that it cannot
 * reach from outside. Data only; runs in the test process.
 */
import type { WalkCall } from './openapi.ts';

/** A valid body for each operation that wants one, so that only the refusal under test is met. */
export function exampleCalls(
  at: Readonly<Record<string, string | number>>,
  uid: string,
): Readonly<Record<string, WalkCall>> {
  const v1 = (method: string, path: string) => `${method} /api/v1${path}`;
  return {
    [v1('POST', '/guilds')]: { body: { name: 'x' } },
    [v1('PATCH', '/guilds/{id}')]: { body: { name: 'x' } },
    [v1('POST', '/guilds/{id}/channels')]: { body: { name: 'x' } },
    [v1('PATCH', '/channels/{id}')]: { body: { name: 'x' } },
    [v1('POST', '/guilds/{id}/roles')]: { body: { name: 'x' } },
    [v1('PATCH', '/guilds/{id}/roles/{role}')]: { body: { name: 'x' } },
    [v1('PUT', '/channels/{id}/overwrites/{target}')]: { body: { type: 'member', allow: '4' } },
    [v1('PATCH', '/guilds/{id}/members/{uid}')]: { body: { nick: 'x' } },
    [v1('POST', '/guilds/{id}/transfer')]: { body: { userId: uid } },
    [v1('POST', '/channels/{id}/messages')]: { body: { content: 'x', nonce: 'refused' } },
    [v1('PATCH', '/channels/{id}/messages/{seq}')]: { body: { content: 'x' } },
    [v1('POST', '/channels/{id}/threads')]: { body: { name: 'x', seq: at.seq } },
    [v1('PUT', '/channels/{id}/marker')]: { body: { seq: 1 } },
    [v1('PATCH', '/channels/{id}/voice/{uid}')]: { body: { muted: true } },
    [v1('POST', '/users/@me/dms')]: { body: { userId: uid } },
    [v1('PATCH', '/dms/{id}')]: { body: { name: 'x' } },
    [v1('PUT', '/channels/{id}/playback')]: { body: { file: 'a.opus' } },
    [v1('PUT', '/guilds/{id}/bans/{uid}')]: { body: { reason: 'x' } },
    [v1('POST', '/auth/login')]: { body: { username: 'x', password: 'x' } },
  };
}

/** Documented, but not to be had from a healthy server that these tests start. */
export const UNREACHED: Readonly<Record<string, readonly number[]>> = {
  // Of a server that takes no new accounts.
  'POST /api/v1/auth/register': [403],
  // A user that is gone while the token lives: accounts cannot be deleted yet.
  'GET /api/v1/users/@me': [404],
  'PATCH /api/v1/users/@me': [404],
  // Somebody has to be in the room, by WebRTC: voice-rights.e2e.test.ts.
  'PATCH /api/v1/channels/{id}/voice/{uid}': [204, 403, 409],
  'DELETE /api/v1/channels/{id}/voice/{uid}': [204, 403, 409],
  'PUT /api/v1/channels/{id}/playback': [204, 403, 409],
  'DELETE /api/v1/channels/{id}/playback': [204, 403, 409],
  'PUT /api/v1/channels/{id}/recording': [204, 403, 409],
  'DELETE /api/v1/channels/{id}/recording': [204, 403, 409],
};
