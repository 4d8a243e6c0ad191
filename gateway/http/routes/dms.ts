/** Direct messages and group DMs. Their messages are those of a channel with the same id. Gateway threads; rights are judged by the dm entity. */
import { RATE_LIMITS } from '../../rates/index.ts';
import { answer, renamed } from '../answer.ts';
import { appendEvent } from '../append-event.ts';
import { APPEND_RATES } from '../append-rates.ts';
import { askOnce, askRead, unwrap } from '../ask.ts';
import { pageOf } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as guilds from '../schemas-guilds.ts';
import * as talk from '../schemas-talk.ts';
import type { HttpDeps } from '../types.ts';
import { dmView } from '../views.ts';

const tag = 'dms';
const META_KIND = 7;
const NONCE_BYTES = 16;

/** `onRepeat` is called for each append that is repeated because its outcome was not known. */
export function dmRoutes(deps: HttpDeps, onRepeat: () => void): readonly Route[] {
  return [
    listDms(deps),
    openDm(deps),
    getDm(deps),
    patchDm(deps, onRepeat),
    putRecipient(deps),
    leaveDm(deps),
  ];
}

function listDms(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/users/@me/dms',
    tag,
    summary: 'Direct messages and group DMs of the caller, by ascending id',
    auth: 'user',
    limit: 'general',
    query: talk.dmsQuery,
    answers: { 200: schemas.listOf(talk.dm) },
    handle: ({ uid, query }) =>
      answer(
        askRead(deps.clock, () => deps.accounts.dms(uid)),
        (dms) => {
          const page = pageOf(dms, ({ id }) => [id], query);
          return reply(200, { items: page.items.map(dmView), next: page.next });
        },
      ),
  });
}

function openDm(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/users/@me/dms',
    tag,
    summary: 'The direct message with a user (200), or a new group DM (201)',
    description:
      'userId: the one dm of the two, made when there is none. userIds: a group with 1 to 15 others. All must share a guild with the caller.',
    auth: 'user',
    limit: 'general',
    rates: [{ limit: RATE_LIMITS.dmsPerUser, key: ({ uid }) => uid }],
    body: talk.openDmBody,
    answers: { 200: talk.dm, 201: talk.dm },
    errors: ['forbidden', 'conflict'],
    handle: async ({ uid, body }) => {
      const { userId, userIds = [], name = null } = body;
      if (userId !== undefined) {
        const ask = () => deps.accounts.openDm({ uid, to: userId });
        const opened = await answer(askOnce(ask), (dm) => reply(200, dmView(dm)));
        return renamed(opened, { to: 'userId' });
      }
      const ask = () => deps.accounts.openGroup({ uid, uids: userIds, name });
      const opened = await answer(askOnce(ask), (dm) => reply(201, dmView(dm)));
      return renamed(opened, { uids: 'userIds' });
    },
  });
}

function getDm(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/dms/:id',
    tag,
    summary: 'A direct message or group DM of the caller',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 200: talk.dm },
    errors: ['not_found'],
    handle: ({ uid, params, requestId }) =>
      answer(
        askRead(deps.clock, () => deps.dm(params.id, requestId)('get', { uid })),
        (dm) => reply(200, dmView(dm)),
      ),
  });
}

function patchDm(deps: HttpDeps, onRepeat: () => void): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/dms/:id',
    tag,
    summary: 'Change name or topic of a group DM (any member)',
    auth: 'user',
    limit: 'general',
    rates: APPEND_RATES,
    params: schemas.idParams,
    body: talk.patchDmBody,
    answers: { 200: talk.dm },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params: { id: sid }, body, requestId }) => {
      const ask = () => deps.dm(sid, requestId)('get', { uid });
      const found = unwrap(await askRead(deps.clock, ask));
      if (!found.ok) return found.failure;
      const { name = found.value.name ?? '', topic = found.value.topic } = body;
      if (body.name === undefined && body.topic === undefined) {
        return reply(200, dmView(found.value));
      }
      const nonce = Buffer.from(deps.rng.bytes(NONCE_BYTES)).toString('base64url');
      const append = { uid, nonce, kind: META_KIND, body: [name, topic] };
      const done = await appendEvent(deps.clock, deps.stream(sid, requestId), append, onRepeat);
      if (!done.ok) return done.failure;
      return reply(200, dmView({ ...found.value, name: name === '' ? null : name, topic }));
    },
  });
}

function putRecipient(deps: HttpDeps): Route {
  return route({
    method: 'PUT',
    path: '/api/v1/dms/:id/recipients/:uid',
    tag,
    summary: 'Take a user into a group DM (any member); a repeat changes nothing',
    auth: 'user',
    limit: 'general',
    rates: [{ limit: RATE_LIMITS.dmsPerUser, key: ({ uid }) => uid }],
    params: guilds.userParams,
    answers: { 200: talk.dm },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, requestId }) =>
      answer(
        askOnce(() => deps.dm(params.id, requestId)('addMember', { uid, target: params.uid })),
        (dm) => reply(200, dmView(dm)),
      ),
  });
}

function leaveDm(deps: HttpDeps): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/dms/:id/recipients/@me',
    tag,
    summary: 'Leave a group DM',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'conflict'],
    handle: ({ uid, params, requestId }) =>
      answer(
        askOnce(() => deps.dm(params.id, requestId)('leave', { uid })),
        () => reply(204),
      ),
  });
}
