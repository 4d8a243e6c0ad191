/** Threads of a channel. Gateway threads; rights are those of the channel, judged by the guild entity. */
import { RATE_LIMITS } from '../../rates/index.ts';
import { answer } from '../answer.ts';
import { askOnce, askRead } from '../ask.ts';
import { guildOfChannel } from '../guild-of.ts';
import { pageOf } from '../paging.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as talk from '../schemas-talk.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HttpDeps } from '../types.ts';
import { channelView } from '../views.ts';

const tag = 'threads';

export function threadRoutes(deps: HttpDeps, streams: StreamLookup): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/channels/:id/threads',
      tag,
      summary: 'Threads of a channel, by ascending id',
      auth: 'user',
      limit: 'general',
      params: schemas.idParams,
      query: talk.threadsQuery,
      answers: { 200: schemas.listOf(schemas.channel) },
      errors: ['not_found'],
      handle: async ({ uid, params: { id: sid }, query, requestId }) => {
        const guild = await guildOfChannel(deps, streams, sid, requestId);
        if (!guild.ok) return guild.failure;
        const ask = () => guild.value('threads', { uid, sid });
        return answer(askRead(deps.clock, ask), (threads) => {
          const page = pageOf(threads, ({ id }) => [id], query);
          return reply(200, { items: page.items.map(channelView), next: page.next });
        });
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/channels/:id/threads',
      tag,
      summary: 'Start a thread from a message (right to send)',
      description: 'At most one per message.',
      auth: 'user',
      limit: 'general',
      rates: [
        {
          limit: RATE_LIMITS.threadsPerUserStream,
          key: ({ uid, params }) => [uid, params.id] as const,
        },
      ],
      params: schemas.idParams,
      body: talk.createThreadBody,
      answers: { 201: schemas.channel },
      errors: ['not_found', 'forbidden', 'conflict'],
      handle: async ({ uid, params: { id: sid }, body, requestId }) => {
        const guild = await guildOfChannel(deps, streams, sid, requestId);
        if (!guild.ok) return guild.failure;
        const { name, seq } = body;
        const ask = () => guild.value('createThread', { uid, sid, seq, name });
        return answer(askOnce(ask), (thread) => reply(201, channelView(thread)));
      },
    }),
  ];
}
