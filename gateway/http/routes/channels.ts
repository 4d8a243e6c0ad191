/** Channels of a guild. Gateway threads; rights are judged by the guild entity. */
import type { GuildP } from '../../../channels/index.ts';
import { type Asked, askOnce, askRead, unwrap } from '../ask.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { Caller, HttpDeps } from '../types.ts';
import { channelView } from '../views.ts';

const tag = 'channels';

export function channelRoutes(deps: HttpDeps, streams: StreamLookup): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/guilds/:id/channels',
      tag,
      summary: 'Channels of a guild that the caller may see',
      auth: 'user',
      limit: 'general',
      params: schemas.idParams,
      answers: { 200: schemas.listOf(schemas.channel) },
      errors: ['not_found'],
      handle: async ({ uid, params }) => {
        const ask = () => deps.guild(params.id)('channels', { uid });
        const found = unwrap(await askRead(deps.clock, ask));
        if (!found.ok) return found.failure;
        return reply(200, { items: found.value.map(channelView), next: null });
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/guilds/:id/channels',
      tag,
      summary: 'Create a text channel (owner)',
      auth: 'user',
      limit: 'general',
      params: schemas.idParams,
      body: schemas.createChannelBody,
      answers: { 201: schemas.channel },
      errors: ['not_found', 'forbidden', 'conflict'],
      handle: async ({ uid, params, body }) => {
        const { name, topic } = body;
        const ask = () =>
          deps.guild(params.id)('createChannel', { uid, name, topic: topic ?? null });
        const made = unwrap(await askOnce(ask));
        return made.ok ? reply(201, channelView(made.value)) : made.failure;
      },
    }),
    patchChannel(deps, streams),
    deleteChannel(deps, streams),
  ];
}

function patchChannel(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/channels/:id',
    tag,
    summary: 'Change name, topic or position of a channel (owner)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    body: schemas.patchChannelBody,
    answers: { 200: schemas.channel },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: async ({ uid, params, body }) => {
      const sid = params.id;
      const found = await guildOf(deps, streams, sid);
      if (!found.ok) return found.failure;
      const guild = found.value;
      const { name, topic, position } = body;
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(topic === undefined ? {} : { topic }),
        ...(position === undefined ? {} : { position }),
      };
      const done = unwrap(await askOnce(() => guild('updateChannel', { uid, sid, ...change })));
      return done.ok ? reply(200, channelView(done.value)) : done.failure;
    },
  });
}

function deleteChannel(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/channels/:id',
    tag,
    summary: 'Delete a channel with all of its messages (owner)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: async ({ uid, params }) => {
      const sid = params.id;
      const found = await guildOf(deps, streams, sid);
      if (!found.ok) return found.failure;
      const guild = found.value;
      const done = unwrap(await askOnce(() => guild('removeChannel', { uid, sid })));
      return done.ok ? reply(204) : done.failure;
    },
  });
}

/** The guild of a channel. */
async function guildOf(
  deps: HttpDeps,
  streams: StreamLookup,
  sid: number,
): Promise<Asked<Caller<GuildP>>> {
  const info = await streams.guildChannel(sid);
  return info.ok ? { ok: true, value: deps.guild(info.value.gid) } : info;
}
