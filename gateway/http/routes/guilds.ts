/** Guilds and their members. Gateway threads; rights are judged by the guild entity. */
import { answer } from '../answer.ts';
import { askOnce, askRead, unwrap } from '../ask.ts';
import { readPage } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { HttpDeps } from '../types.ts';
import { guildView, memberView } from '../views.ts';

const tag = 'guilds';

export function guildRoutes(deps: HttpDeps): readonly Route[] {
  return [
    createGuild(deps),
    getGuild(deps),
    patchGuild(deps),
    deleteGuild(deps),
    members(deps),
    leave(deps),
  ];
}

function createGuild({ accounts }: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/guilds',
    tag,
    summary: 'Create a guild with one text channel, general',
    auth: 'user',
    limit: 'general',
    body: schemas.createGuildBody,
    answers: { 201: schemas.guild },
    handle: async ({ uid, body }) => {
      const made = unwrap(await askOnce(() => accounts.createGuild(uid, body.name)));
      return made.ok ? reply(201, guildView(made.value)) : made.failure;
    },
  });
}

function getGuild(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id',
    tag,
    summary: 'A guild of the caller',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 200: schemas.guild },
    errors: ['not_found'],
    handle: async ({ uid, params, requestId }) => {
      const found = unwrap(
        await askRead(deps.clock, () => deps.guild(params.id, requestId)('get', { uid })),
      );
      return found.ok ? reply(200, guildView(found.value)) : found.failure;
    },
  });
}

function patchGuild(deps: HttpDeps): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/guilds/:id',
    tag,
    summary: 'Change a guild (right to manage)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    body: schemas.patchGuildBody,
    answers: { 200: schemas.guild },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params, body: { name }, requestId }) => {
      const change = name === undefined ? { uid } : { uid, name };
      const ask = () => deps.guild(params.id, requestId)('rename', change);
      return answer(askOnce(ask), (guild) => reply(200, guildView(guild)));
    },
  });
}

function deleteGuild(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/guilds/:id',
    tag,
    summary: 'Delete a guild with all of its channels (owner)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, requestId }) => {
      const done = unwrap(await askOnce(() => deps.guild(params.id, requestId)('remove', { uid })));
      return done.ok ? reply(204) : done.failure;
    },
  });
}

function members(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id/members',
    tag,
    summary: 'Members of a guild by ascending user id',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    query: schemas.membersQuery,
    answers: { 200: schemas.listOf(schemas.member) },
    errors: ['not_found'],
    handle: async ({ uid, params, query, requestId }) => {
      const guild = deps.guild(params.id, requestId);
      const read = async (after: number | undefined, limit: number) =>
        unwrap(
          await askRead(deps.clock, () => guild('members', { uid, after: after ?? 0, limit })),
        );
      const page = await readPage(query, read, ({ user }) => user.id);
      if (!page.ok) return page.failure;
      return reply(200, { items: page.value.items.map(memberView), next: page.value.next });
    },
  });
}

function leave(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/guilds/:id/members/@me',
    tag,
    summary: 'Leave a guild',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'owner_must_transfer', 'conflict'],
    handle: async ({ uid, params, requestId }) => {
      const done = unwrap(await askOnce(() => deps.guild(params.id, requestId)('leave', { uid })));
      return done.ok ? reply(204) : done.failure;
    },
  });
}
