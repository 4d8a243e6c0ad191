/** Roles of a guild, and what they or a member may do otherwise in a channel. Gateway threads; rights are judged by the guild entity. */
import { answer } from '../answer.ts';
import { askOnce, askRead } from '../ask.ts';
import { guildOfChannel } from '../guild-of.ts';
import { MODERATE_RATES } from '../moderation-rates.ts';
import { pageOf } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as guilds from '../schemas-guilds.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HttpDeps } from '../types.ts';
import { channelView, roleView } from '../views.ts';

const tag = 'roles';

export function roleRoutes(deps: HttpDeps, streams: StreamLookup): readonly Route[] {
  return [
    listRoles(deps),
    createRole(deps),
    patchRole(deps),
    deleteRole(deps),
    putOverwrite(deps, streams),
    deleteOverwrite(deps, streams),
  ];
}

function listRoles(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id/roles',
    tag,
    summary: 'Roles of a guild, everyone first, then by position (any member)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    query: guilds.rolesQuery,
    answers: { 200: schemas.listOf(guilds.role) },
    errors: ['not_found'],
    handle: ({ uid, params, query, requestId }) => {
      const ask = () => deps.guild(params.id, requestId)('roles', { uid });
      return answer(askRead(deps.clock, ask), (roles) => {
        const page = pageOf(roles, ({ position, id }) => [position, id], query);
        return reply(200, { items: page.items.map(roleView), next: page.next });
      });
    },
  });
}

function createRole(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/guilds/:id/roles',
    tag,
    summary: 'Create a role, next below the own highest (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: schemas.idParams,
    body: guilds.createRoleBody,
    answers: { 201: guilds.role },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, body, requestId }) => {
      const { name, color = 0, perms = 0 } = body;
      const ask = () => deps.guild(params.id, requestId)('createRole', { uid, name, color, perms });
      return answer(askOnce(ask), (role) => reply(201, roleView(role)));
    },
  });
}

function patchRole(deps: HttpDeps): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/guilds/:id/roles/:role',
    tag,
    summary: 'Change a role below the own highest (right to manage)',
    description: 'Of the everyone role only perms can change.',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.roleParams,
    body: guilds.patchRoleBody,
    answers: { 200: guilds.role },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, body, requestId }) => {
      const { name, color, perms, position } = body;
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(color === undefined ? {} : { color }),
        ...(perms === undefined ? {} : { perms }),
        ...(position === undefined ? {} : { position }),
      };
      const { id, role } = params;
      const ask = () => deps.guild(id, requestId)('updateRole', { uid, role, ...change });
      return answer(askOnce(ask), (changed) => reply(200, roleView(changed)));
    },
  });
}

function deleteRole(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/guilds/:id/roles/:role',
    tag,
    summary: 'Delete a role below the own highest (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.roleParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params: { id, role }, requestId }) =>
      answer(
        askOnce(() => deps.guild(id, requestId)('removeRole', { uid, role })),
        () => reply(204),
      ),
  });
}

function putOverwrite(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'PUT',
    path: '/api/v1/channels/:id/overwrites/:target',
    tag,
    summary: 'Set what a role or member may do otherwise in a channel (right to manage)',
    description: 'Bits that the caller lacks may not be given. At most 100 per channel.',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.targetParams,
    body: guilds.overwriteBody,
    answers: { 200: schemas.channel },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: async ({ uid, params, body, requestId }) => {
      const { id: sid, target } = params;
      const guild = await guildOfChannel(deps, streams, sid, requestId);
      if (!guild.ok) return guild.failure;
      const { type, allow = 0, deny = 0 } = body;
      const change = { uid, sid, target, type, allow, deny };
      const ask = () => guild.value('setOverwrite', change);
      return answer(askOnce(ask), (channel) => reply(200, channelView(channel)));
    },
  });
}

function deleteOverwrite(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/channels/:id/overwrites/:target',
    tag,
    summary: 'Let a role or member do in a channel what they do in the guild (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.targetParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, requestId }) => {
      const { id: sid, target } = params;
      const guild = await guildOfChannel(deps, streams, sid, requestId);
      if (!guild.ok) return guild.failure;
      const ask = () => guild.value('removeOverwrite', { uid, sid, target });
      return answer(askOnce(ask), () => reply(204));
    },
  });
}
