/** The caller: profile and guilds. Gateway threads. */
import { answer } from '../answer.ts';
import { askOnce, askRead, unwrap } from '../ask.ts';
import { pageOf } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { HttpDeps } from '../types.ts';
import { guildView, userView } from '../views.ts';

const tag = 'users';

export function userRoutes(deps: HttpDeps): readonly Route[] {
  const { accounts, clock } = deps;
  return [
    route({
      method: 'GET',
      path: '/api/v1/users/@me',
      tag,
      summary: 'The caller',
      auth: 'user',
      limit: 'general',
      answers: { 200: schemas.user },
      errors: ['not_found'],
      handle: async ({ uid }) => {
        const found = unwrap(await askRead(clock, () => accounts.user(uid)));
        return found.ok ? reply(200, userView(found.value)) : found.failure;
      },
    }),
    route({
      method: 'PATCH',
      path: '/api/v1/users/@me',
      tag,
      summary: 'Change the profile of the caller',
      auth: 'user',
      limit: 'general',
      body: schemas.patchUserBody,
      answers: { 200: schemas.user },
      errors: ['not_found', 'conflict'],
      handle: async ({ uid, body }) => {
        const { displayName } = body;
        const change = displayName === undefined ? {} : { displayName };
        const done = unwrap(await askOnce(() => accounts.updateUser(uid, change)));
        return done.ok ? reply(200, userView(done.value)) : done.failure;
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/users/@me/guilds',
      tag,
      summary: 'Guilds of the caller',
      auth: 'user',
      limit: 'general',
      query: schemas.guildsQuery,
      answers: { 200: schemas.listOf(schemas.guild) },
      handle: ({ uid, query, requestId }) =>
        answer(
          askRead(clock, () => deps.user(uid, requestId)('guilds', {})),
          (guilds) => {
            const page = pageOf(guilds, ({ id }) => [id], query);
            return reply(200, { items: page.items.map(guildView), next: page.next });
          },
        ),
    }),
  ];
}
