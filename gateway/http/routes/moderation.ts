/** One member, bans, audit and ownership. Gateway threads; rights are judged by the guild entity. */
import { answer, renamed } from '../answer.ts';
import { askOnce, askRead, unwrap } from '../ask.ts';
import { MODERATE_RATES, STORE_READ_RATES } from '../moderation-rates.ts';
import { readPage } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as guilds from '../schemas-guilds.ts';
import type { HttpDeps } from '../types.ts';
import { auditView, banView, guildView, memberView } from '../views.ts';

const tag = 'moderation';

export function moderationRoutes(deps: HttpDeps): readonly Route[] {
  return [
    getMember(deps),
    patchMember(deps),
    kickMember(deps),
    listBans(deps),
    putBan(deps),
    deleteBan(deps),
    listAudit(deps),
    transferGuild(deps),
  ];
}

function getMember(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id/members/:uid',
    tag,
    summary: 'A member of a guild, or oneself (@me)',
    auth: 'user',
    limit: 'general',
    params: guilds.memberParams,
    answers: { 200: schemas.member },
    errors: ['not_found'],
    handle: ({ uid, params, requestId }) => {
      const target = params.uid === 0 ? uid : params.uid;
      const ask = () => deps.guild(params.id, requestId)('member', { uid, target });
      return answer(askRead(deps.clock, ask), (member) => reply(200, memberView(member)));
    },
  });
}

function patchMember(deps: HttpDeps): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/guilds/:id/members/:uid',
    tag,
    summary:
      'Change nick or roles of a member below oneself (right to manage); the own nick (@me) is free',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.memberParams,
    body: guilds.patchMemberBody,
    answers: { 200: schemas.member },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params, body, requestId }) => {
      const target = params.uid === 0 ? uid : params.uid;
      const { nick, roles } = body;
      const change = {
        ...(nick === undefined ? {} : { nick }),
        ...(roles === undefined ? {} : { roles }),
      };
      const ask = () =>
        deps.guild(params.id, requestId)('updateMember', { uid, target, ...change });
      return answer(askOnce(ask), (member) => reply(200, memberView(member)));
    },
  });
}

function kickMember(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/guilds/:id/members/:uid',
    tag,
    summary: 'Remove a member below oneself from a guild (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.userParams,
    query: guilds.reasonQuery,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params, query, requestId }) => {
      const act = { uid, target: params.uid, reason: query.reason ?? null };
      return answer(
        askOnce(() => deps.guild(params.id, requestId)('kick', act)),
        () => reply(204),
      );
    },
  });
}

function listBans(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id/bans',
    tag,
    summary: 'Who may not join, by ascending user id (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: STORE_READ_RATES,
    params: schemas.idParams,
    query: guilds.bansQuery,
    answers: { 200: schemas.listOf(guilds.ban) },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, query: { after, limit }, requestId }) => {
      const guild = deps.guild(params.id, requestId);
      const read = async (from: number | undefined, most: number) =>
        unwrap(
          await askRead(deps.clock, () => guild('bans', { uid, after: from ?? 0, limit: most })),
        );
      const page = await readPage({ after, limit }, read, ({ userId }) => userId);
      if (!page.ok) return page.failure;
      return reply(200, { items: page.value.items.map(banView), next: page.value.next });
    },
  });
}

function putBan(deps: HttpDeps): Route {
  return route({
    method: 'PUT',
    path: '/api/v1/guilds/:id/bans/:uid',
    tag,
    summary: 'Ban a user, member or not; a member is removed (right to manage)',
    description: 'A repeat changes nothing.',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.userParams,
    body: guilds.banBody,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, body, requestId }) => {
      const act = { uid, target: params.uid, reason: body.reason ?? null };
      return answer(
        askOnce(() => deps.guild(params.id, requestId)('ban', act)),
        () => reply(204),
      );
    },
  });
}

function deleteBan(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/guilds/:id/bans/:uid',
    tag,
    summary: 'Lift a ban (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: guilds.userParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params, requestId }) =>
      answer(
        askOnce(() => deps.guild(params.id, requestId)('unban', { uid, target: params.uid })),
        () => reply(204),
      ),
  });
}

function listAudit(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/guilds/:id/audit',
    tag,
    summary: 'Who changed what in a guild, newest first (right to manage)',
    auth: 'user',
    limit: 'general',
    rates: STORE_READ_RATES,
    params: schemas.idParams,
    query: guilds.auditQuery,
    answers: { 200: schemas.listOf(guilds.auditEntry) },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, query: { after, limit }, requestId }) => {
      const guild = deps.guild(params.id, requestId);
      const read = async (before: number | undefined, most: number) =>
        unwrap(
          await askRead(deps.clock, () =>
            guild('audit', { uid, before: before ?? 0, limit: most }),
          ),
        );
      const page = await readPage({ after, limit }, read, ({ id }) => id);
      if (!page.ok) return page.failure;
      return reply(200, { items: page.value.items.map(auditView), next: page.value.next });
    },
  });
}

function transferGuild(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/guilds/:id/transfer',
    tag,
    summary: 'Hand a guild over to a member (owner)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: schemas.idParams,
    body: guilds.transferBody,
    answers: { 200: schemas.guild },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, body, requestId }) => {
      const ask = () => deps.guild(params.id, requestId)('transfer', { uid, to: body.userId });
      const done = await answer(askOnce(ask), (guild) => reply(200, guildView(guild)));
      return renamed(done, { to: 'userId' });
    },
  });
}
