/** Every row of the API as method, path and success status: what the document must list, no more and no less. Tests only. */

type Row = readonly [method: string, path: string, status: number];

/** Rows of README.md beyond api.md: roles, members, bans, audit, ownership. */
const ROWS_OF_RIGHTS: readonly Row[] = [
  ['GET', '/api/v1/guilds/{id}/roles', 200],
  ['POST', '/api/v1/guilds/{id}/roles', 201],
  ['PATCH', '/api/v1/guilds/{id}/roles/{role}', 200],
  ['DELETE', '/api/v1/guilds/{id}/roles/{role}', 204],
  ['PUT', '/api/v1/channels/{id}/overwrites/{target}', 200],
  ['DELETE', '/api/v1/channels/{id}/overwrites/{target}', 204],
  ['GET', '/api/v1/guilds/{id}/members/{uid}', 200],
  ['PATCH', '/api/v1/guilds/{id}/members/{uid}', 200],
  ['DELETE', '/api/v1/guilds/{id}/members/{uid}', 204],
  ['GET', '/api/v1/guilds/{id}/bans', 200],
  ['PUT', '/api/v1/guilds/{id}/bans/{uid}', 204],
  ['DELETE', '/api/v1/guilds/{id}/bans/{uid}', 204],
  ['GET', '/api/v1/guilds/{id}/audit', 200],
  ['POST', '/api/v1/guilds/{id}/transfer', 200],
  ['GET', '/api/v1/guilds/{id}/invites', 200],
  ['DELETE', '/api/v1/invites/{code}', 204],
];

/** The same for voice rooms. */
const ROWS_OF_VOICE: readonly Row[] = [
  ['GET', '/api/v1/channels/{id}/voice', 200],
  ['PATCH', '/api/v1/channels/{id}/voice/{uid}', 204],
  ['DELETE', '/api/v1/channels/{id}/voice/{uid}', 204],
  ['GET', '/api/v1/channels/{id}/playback', 200],
  ['PUT', '/api/v1/channels/{id}/playback', 204],
  ['DELETE', '/api/v1/channels/{id}/playback', 204],
  ['PUT', '/api/v1/channels/{id}/recording', 204],
  ['DELETE', '/api/v1/channels/{id}/recording', 204],
];

/** The same for direct messages, threads, single messages, reactions, pins and markers. */
const ROWS_OF_TALK: readonly Row[] = [
  ['GET', '/api/v1/users/@me/dms', 200],
  ['POST', '/api/v1/users/@me/dms', 201],
  ['GET', '/api/v1/dms/{id}', 200],
  ['PATCH', '/api/v1/dms/{id}', 200],
  ['PUT', '/api/v1/dms/{id}/recipients/{uid}', 200],
  ['DELETE', '/api/v1/dms/{id}/recipients/@me', 204],
  ['GET', '/api/v1/channels/{id}/threads', 200],
  ['POST', '/api/v1/channels/{id}/threads', 201],
  ['GET', '/api/v1/channels/{id}/messages/{seq}', 200],
  ['PATCH', '/api/v1/channels/{id}/messages/{seq}', 200],
  ['DELETE', '/api/v1/channels/{id}/messages/{seq}', 204],
  ['PUT', '/api/v1/channels/{id}/messages/{seq}/reactions/{emoji}', 204],
  ['DELETE', '/api/v1/channels/{id}/messages/{seq}/reactions/{emoji}', 204],
  ['GET', '/api/v1/channels/{id}/messages/{seq}/reactions/{emoji}', 200],
  ['GET', '/api/v1/channels/{id}/pins', 200],
  ['PUT', '/api/v1/channels/{id}/pins/{seq}', 204],
  ['DELETE', '/api/v1/channels/{id}/pins/{seq}', 204],
  ['GET', '/api/v1/channels/{id}/marker', 200],
  ['PUT', '/api/v1/channels/{id}/marker', 200],
];

/** The rows of api.md and those. */
export const ROWS: readonly Row[] = [
  ['POST', '/api/v1/auth/register', 201],
  ['POST', '/api/v1/auth/login', 200],
  ['POST', '/api/v1/auth/refresh', 200],
  ['POST', '/api/v1/auth/logout', 204],
  ['GET', '/api/v1/users/@me', 200],
  ['PATCH', '/api/v1/users/@me', 200],
  ['GET', '/api/v1/users/@me/guilds', 200],
  ['POST', '/api/v1/guilds', 201],
  ['GET', '/api/v1/guilds/{id}', 200],
  ['PATCH', '/api/v1/guilds/{id}', 200],
  ['DELETE', '/api/v1/guilds/{id}', 204],
  ['GET', '/api/v1/guilds/{id}/channels', 200],
  ['POST', '/api/v1/guilds/{id}/channels', 201],
  ['PATCH', '/api/v1/channels/{id}', 200],
  ['DELETE', '/api/v1/channels/{id}', 204],
  ['POST', '/api/v1/guilds/{id}/invites', 201],
  ['GET', '/api/v1/invites/{code}', 200],
  ['POST', '/api/v1/invites/{code}', 200],
  ['GET', '/api/v1/guilds/{id}/members', 200],
  ['DELETE', '/api/v1/guilds/{id}/members/@me', 204],
  ...ROWS_OF_RIGHTS,
  ...ROWS_OF_TALK,
  ...ROWS_OF_VOICE,
  ['GET', '/api/v1/channels/{id}/messages', 200],
  ['POST', '/api/v1/channels/{id}/messages', 201],
  ['GET', '/.well-known/jwks.json', 200],
  ['GET', '/health', 200],
  ['GET', '/ready', 200],
  ['GET', '/metrics', 200],
  ['GET', '/api/v1/openapi.json', 200],
  ['GET', '/api/v1/asyncapi.json', 200],
  ['GET', '/api/docs', 200],
];
