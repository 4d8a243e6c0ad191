/** The caller's read marker of a channel. Gateway threads; kept by the user entity. */
import { RATE_LIMITS } from '../../rates/index.ts';
import { answer } from '../answer.ts';
import { askOnce, askRead } from '../ask.ts';
import { fail, unavailable } from '../errors.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as talk from '../schemas-talk.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HttpDeps } from '../types.ts';

const tag = 'markers';
const path = '/api/v1/channels/:id/marker';

export function markerRoutes(deps: HttpDeps, streams: StreamLookup): readonly Route[] {
  return [
    route({
      method: 'GET',
      path,
      tag,
      summary: 'How far the caller has read a channel',
      auth: 'user',
      limit: 'general',
      params: schemas.idParams,
      answers: { 200: talk.marker },
      errors: ['not_found'],
      handle: async ({ uid, params: { id: sid }, requestId }) => {
        const channel = await streams.channel(sid);
        if (!channel.ok) return channel.failure;
        const seen = await askRead(deps.clock, () => deps.stream(sid, requestId)('head', { uid }));
        if (!seen.ok) return seen.failure;
        if (seen.value === undefined) return fail('not_found');
        if (seen.value === 'unavailable') return unavailable();
        const ask = () => deps.user(uid, requestId)('markers', { sids: [sid] });
        return answer(askRead(deps.clock, ask), ([seq = 0]) =>
          reply(200, { channelId: String(sid), seq }),
        );
      },
    }),
    route({
      method: 'PUT',
      path,
      tag,
      summary: 'Move the read marker forward; gives the one that holds',
      auth: 'user',
      limit: 'general',
      rates: [
        {
          limit: RATE_LIMITS.markersPerUserStream,
          key: ({ uid, params }) => [uid, params.id] as const,
        },
      ],
      params: schemas.idParams,
      body: talk.markerBody,
      answers: { 200: talk.marker },
      errors: ['not_found'],
      handle: async ({ uid, params: { id: sid }, body, requestId }) => {
        const channel = await streams.channel(sid);
        if (!channel.ok) return channel.failure;
        const ask = () => deps.user(uid, requestId)('mark', { sid, seq: body.seq });
        return answer(askOnce(ask), ({ seq }) => reply(200, { channelId: String(sid), seq }));
      },
    }),
  ];
}
