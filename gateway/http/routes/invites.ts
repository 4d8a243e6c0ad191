/** Invites: create, list, look at, use, delete. Gateway threads. */
import { RATE_LIMITS } from '../../rates/index.ts';
import { answer } from '../answer.ts';
import { askOnce, askRead, unwrap } from '../ask.ts';
import { guildOfInvite } from '../guild-of.ts';
import { pageOf } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as guilds from '../schemas-guilds.ts';
import type { HttpDeps } from '../types.ts';
import { guildView, inviteView } from '../views.ts';

const tag = 'invites';
const DEFAULT_AGE_S = 7 * 86_400;

export function inviteRoutes(deps: HttpDeps, publicUrl: string): readonly Route[] {
  return [
    listInvites(deps, publicUrl),
    createInvite(deps, publicUrl),
    previewInvite(deps),
    useInvite(deps),
    deleteInvite(deps),
  ];
}

function listInvites(deps: HttpDeps, publicUrl: string): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id/invites',
    tag,
    summary: 'Invites of a guild that can still be used, by code (right to manage)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    query: guilds.invitesQuery,
    answers: { 200: schemas.listOf(schemas.invite) },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params, query, requestId }) => {
      const ask = () => deps.guild(params.id, requestId)('invites', { uid });
      return answer(askRead(deps.clock, ask), (invites) => {
        const page = pageOf(invites, ({ code }) => code, query);
        const items = page.items.map((invite) => inviteView(invite, publicUrl));
        return reply(200, { items, next: page.next });
      });
    },
  });
}

function deleteInvite(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/invites/:code',
    tag,
    summary: 'Delete an invite (whoever made it, or the right to manage)',
    auth: 'user',
    limit: 'general',
    rates: [{ limit: RATE_LIMITS.moderatePerUser, key: ({ uid }) => [uid, 0] as const }],
    params: schemas.codeParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params: { code }, requestId }) => {
      const led = await guildOfInvite(deps, code, requestId);
      if (!led.ok) return led.failure;
      return answer(
        askOnce(() => led.value('removeInvite', { uid, code })),
        () => reply(204),
      );
    },
  });
}

function createInvite(deps: HttpDeps, publicUrl: string): Route {
  return route({
    method: 'POST',
    path: '/api/v1/guilds/:id/invites',
    tag,
    summary: 'Create an invite (any member)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    body: schemas.createInviteBody,
    answers: { 201: schemas.invite },
    errors: ['not_found', 'conflict'],
    handle: async ({ uid, params, body, requestId }) => {
      const maxAgeS = body.maxAgeS ?? DEFAULT_AGE_S;
      const wish = {
        uid,
        maxUses: body.maxUses ?? null,
        maxAgeMs: maxAgeS === 0 ? null : maxAgeS * 1000,
      };
      const made = unwrap(
        await askOnce(() => deps.guild(params.id, requestId)('createInvite', wish)),
      );
      return made.ok ? reply(201, inviteView(made.value, publicUrl)) : made.failure;
    },
  });
}

function previewInvite(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/invites/:code',
    tag,
    summary: 'What an invite leads to (no token needed)',
    auth: 'none',
    limit: 'general',
    params: schemas.codeParams,
    answers: { 200: schemas.invitePreview },
    errors: ['not_found', 'invite_expired'],
    handle: async ({ params, requestId }) => {
      const { code } = params;
      const led = await guildOfInvite(deps, code, requestId);
      if (!led.ok) return led.failure;
      const guild = led.value;
      const found = unwrap(await askRead(deps.clock, () => guild('invite', { code })));
      if (!found.ok) return found.failure;
      const { id, name } = found.value.guild;
      const { memberCount } = found.value;
      return reply(200, { code, guild: { id: String(id), name, memberCount } });
    },
  });
}

function useInvite(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/invites/:code',
    tag,
    summary: 'Join the guild of an invite',
    description: 'A member gets the same answer again.',
    auth: 'user',
    limit: 'general',
    params: schemas.codeParams,
    answers: { 200: schemas.joined },
    errors: ['not_found', 'invite_expired', 'forbidden', 'conflict'],
    handle: async ({ uid, params, requestId }) => {
      const { code } = params;
      const led = await guildOfInvite(deps, code, requestId);
      if (!led.ok) return led.failure;
      const guild = led.value;
      const done = unwrap(await askOnce(() => guild('join', { uid, code })));
      return done.ok ? reply(200, { guild: guildView(done.value) }) : done.failure;
    },
  });
}
