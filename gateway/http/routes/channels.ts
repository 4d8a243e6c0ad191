/** Channels of a guild. Gateway threads; rights are judged by the guild entity. */
import type * as z from 'zod';
import type { VoiceSettings } from '../../../channels/index.ts';
import { answer } from '../answer.ts';
import { askOnce, askRead, unwrap } from '../ask.ts';
import { guildOfChannel } from '../guild-of.ts';
import { pageOf } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { voiceBody } from '../schemas-voice.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HttpDeps } from '../types.ts';
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
      query: schemas.channelsQuery,
      answers: { 200: schemas.listOf(schemas.channel) },
      errors: ['not_found'],
      handle: ({ uid, params, query, requestId }) => {
        const ask = () => deps.guild(params.id, requestId)('channels', { uid });
        return answer(askRead(deps.clock, ask), (channels) => {
          const page = pageOf(channels, ({ position, id }) => [position, id], query);
          return reply(200, { items: page.items.map(channelView), next: page.next });
        });
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/guilds/:id/channels',
      tag,
      summary: 'Create a text or voice channel (right to manage)',
      auth: 'user',
      limit: 'general',
      params: schemas.idParams,
      body: schemas.createChannelBody,
      answers: { 201: schemas.channel },
      errors: ['not_found', 'forbidden', 'conflict'],
      handle: async ({ uid, params, body, requestId }) => {
        const { name, topic, type = 'text', voice } = body;
        const ask = () =>
          deps.guild(params.id, requestId)('createChannel', {
            uid,
            name,
            topic: topic ?? null,
            type,
            ...(voice === undefined ? {} : { voice: given(voice) }),
          });
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
    summary:
      'Change name, topic, position, slow mode or voice settings of a channel (right to manage)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    body: schemas.patchChannelBody,
    answers: { 200: schemas.channel },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: async ({ uid, params, body, requestId }) => {
      const sid = params.id;
      const found = await guildOfChannel(deps, streams, sid, requestId);
      if (!found.ok) return found.failure;
      const guild = found.value;
      const { name, topic, position, slowModeS, voice } = body;
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(topic === undefined ? {} : { topic }),
        ...(position === undefined ? {} : { position }),
        ...(slowModeS === undefined ? {} : { slowModeS }),
        ...(voice === undefined ? {} : { voice: given(voice) }),
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
    summary: 'Delete a channel with all of its messages (right to manage)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, requestId }) => {
      const sid = params.id;
      const found = await guildOfChannel(deps, streams, sid, requestId);
      if (!found.ok) return found.failure;
      const guild = found.value;
      const done = unwrap(await askOnce(() => guild('removeChannel', { uid, sid })));
      return done.ok ? reply(204) : done.failure;
    },
  });
}

type Settings = z.output<typeof voiceBody>;

/** Without the fields that are undefined. */
function given(settings: Settings): Partial<VoiceSettings> {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}
