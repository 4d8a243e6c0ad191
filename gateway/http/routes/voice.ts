/**
 * Who is in a voice room, and what moderators do there. Gateway threads; rights are judged by the guild and the room. A
 * room is asked only by who may view its channel, and a voice thread in standby is not started for it: nobody is there.
 */
import { may, PERM_VIEW, type VoiceAct } from '../../../channels/index.ts';
import { ActorError } from '../../../runtime/index.ts';
import type { Participant, RoomP, VoiceResult } from '../../../voice/index.ts';
import { type Asked, askOnce, askRead } from '../ask.ts';
import { type ErrorCode, type Failure, fail, unavailable } from '../errors.ts';
import { guildOfChannel } from '../guild-of.ts';
import { MODERATE_RATES } from '../moderation-rates.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as rooms from '../schemas-rooms.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { Caller, HttpDeps } from '../types.ts';
import { participantView } from '../views.ts';

const tag = 'voice';

/** What a room refuses; 'unavailable' has a wait besides. */
const CODES = {
  not_found: 'not_found',
  forbidden: 'forbidden',
  invalid: 'invalid',
  voice_gone: 'not_found',
  voice_full: 'conflict',
  voice_rejected: 'conflict',
  e2e_required: 'conflict',
  unavailable: 'unavailable',
} as const satisfies Record<string, ErrorCode>;

export function voiceRoutes(deps: HttpDeps, streams: StreamLookup): readonly Route[] {
  return [
    getRoster(deps, streams),
    moderate(deps, streams),
    disconnect(deps, streams),
    record(deps, streams, 'PUT'),
    record(deps, streams, 'DELETE'),
    getPlayback(deps, streams),
    play(deps, streams),
    stopPlaying(deps, streams),
  ];
}

function getRoster(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'GET',
    path: '/api/v1/channels/:id/voice',
    tag,
    summary: 'Who is in a voice channel',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 200: schemas.listOf(rooms.voiceParticipant) },
    errors: ['not_found'],
    handle: async ({ uid, params, requestId }) => {
      const found = await roomOf(deps, streams, { uid, sid: params.id, requestId });
      if (!found.ok) return found.failure;
      const people = await rosterOf(found.value, uid);
      if (!people.ok) return people.failure;
      // User 0 is the room itself, while something is played.
      const items = people.value.filter(([id]) => id !== 0).map(participantView);
      return reply(200, { items, next: null });
    },
  });
}

function moderate(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/channels/:id/voice/:uid',
    tag,
    summary: 'Mute, deafen, give the word to or move somebody in a voice channel (right to move)',
    description: 'Several fields are carried out in the order of their names here.',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: rooms.voiceParams,
    body: rooms.moderateVoiceBody,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, body, requestId }) => {
      const { channelId, deafened, muted, priority, speaker } = body;
      const acts: VoiceAct[] = [];
      if (muted !== undefined) acts.push({ kind: 'mute', on: muted });
      if (deafened !== undefined) acts.push({ kind: 'deafen', on: deafened });
      if (priority !== undefined) acts.push({ kind: 'priority', on: priority });
      if (speaker !== undefined) acts.push({ kind: 'speaker', on: speaker });
      if (channelId !== undefined) acts.push({ kind: 'move', to: channelId });
      return act(deps, streams, { uid, sid: params.id, requestId, target: params.uid, acts });
    },
  });
}

function disconnect(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/channels/:id/voice/:uid',
    tag,
    summary: 'Disconnect somebody from a voice channel (right to move)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: rooms.voiceParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, requestId }) => {
      const acts = [{ kind: 'disconnect' }] as const;
      return act(deps, streams, { uid, sid: params.id, requestId, target: params.uid, acts });
    },
  });
}

function record(deps: HttpDeps, streams: StreamLookup, method: 'PUT' | 'DELETE'): Route {
  const on = method === 'PUT';
  return route({
    method,
    path: '/api/v1/channels/:id/recording',
    tag,
    summary: on
      ? 'Record a voice channel (right to record); everybody in the room sees it'
      : 'End the recording of a voice channel (right to record)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, requestId }) => {
      const acts = [{ kind: 'record', on }] as const;
      return act(deps, streams, { uid, sid: params.id, requestId, target: uid, acts });
    },
  });
}

function getPlayback(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'GET',
    path: '/api/v1/channels/:id/playback',
    tag,
    summary: 'What is played into a voice channel, and what could be',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    answers: { 200: rooms.voicePlayback },
    errors: ['not_found'],
    handle: async ({ uid, params, requestId }) => {
      const found = await roomOf(deps, streams, { uid, sid: params.id, requestId });
      if (!found.ok) return found.failure;
      const nothing = { ok: true, value: { now: null, files: [] } } as const;
      const room = found.value;
      const asked =
        room === undefined
          ? ({ ok: true, value: nothing } as const)
          : await orStandby(() => room('playback', { uid }), nothing);
      if (!asked.ok) return asked.failure;
      if (!asked.value.ok) return failureOf(asked.value);
      const { files, now } = asked.value.value;
      const userId = now === null ? null : String(now.by);
      return reply(200, { file: now?.file ?? null, userId, files: [...files] });
    },
  });
}

function play(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'PUT',
    path: '/api/v1/channels/:id/playback',
    tag,
    summary:
      'Play a file of the server into a voice channel (right to play); everybody in the room sees it',
    description:
      'conflict: something is played already, nobody is there, or the channel is encrypted end to end; invalid: no Ogg/Opus.',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: schemas.idParams,
    body: rooms.playBody,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, body, requestId }) => {
      const acts = [{ kind: 'play', file: body.file }] as const;
      return act(deps, streams, { uid, sid: params.id, requestId, target: uid, acts });
    },
  });
}

function stopPlaying(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/channels/:id/playback',
    tag,
    summary: 'End what is played into a voice channel (right to play)',
    auth: 'user',
    limit: 'general',
    rates: MODERATE_RATES,
    params: schemas.idParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: ({ uid, params, requestId }) => {
      const acts = [{ kind: 'play', file: null }] as const;
      return act(deps, streams, { uid, sid: params.id, requestId, target: uid, acts });
    },
  });
}

// ---------------------------------------------------------------- shared

interface Who {
  readonly uid: number;
  readonly sid: number;
  readonly requestId: string;
}

/** The room of a channel that the caller may view; undefined where there can be none now. */
async function roomOf(
  deps: HttpDeps,
  streams: StreamLookup,
  { requestId, sid, uid }: Who,
): Promise<Asked<Caller<RoomP> | undefined>> {
  const guild = await guildOfChannel(deps, streams, sid, requestId);
  if (!guild.ok) return guild;
  const ask = () => guild.value('voicePerms', { sid, uids: [uid] });
  const perms = await askRead(deps.clock, ask);
  if (!perms.ok) return perms;
  if (perms.value === null) return { ok: false, failure: unavailable() };
  if (!may(perms.value[0] ?? 0, PERM_VIEW)) return { ok: false, failure: fail('not_found') };
  return { ok: true, value: deps.room?.(sid, requestId) };
}

async function rosterOf(
  room: Caller<RoomP> | undefined,
  uid: number,
): Promise<Asked<readonly Participant[]>> {
  if (room === undefined) return { ok: true, value: [] };
  const asked = await orStandby(() => room('roster', { uid }), { ok: true, value: [] } as const);
  if (!asked.ok) return asked;
  const { value: result } = asked;
  return result.ok ? result : { ok: false, failure: failureOf(result) };
}

/** Carries acts out one by one; the first that is refused is the answer. */
async function act(
  deps: HttpDeps,
  streams: StreamLookup,
  m: Who & { readonly target: number; readonly acts: readonly VoiceAct[] },
): Promise<{ readonly status: 204 } | Failure> {
  const found = await roomOf(deps, streams, m);
  if (!found.ok) return found.failure;
  const room = found.value;
  if (room === undefined) return fail('not_found');
  for (const one of m.acts) {
    const order = { by: m.uid, target: m.target, act: one };
    const nobody = { ok: false, error: 'not_found' } as const;
    const done = await orStandby(() => room('moderate', order), nobody);
    if (!done.ok) return done.failure;
    if (!done.value.ok) return failureOf(done.value);
  }
  return reply(204);
}

/** What a room says; `nobody` where the voice thread is in standby. */
async function orStandby<T>(
  ask: () => Promise<VoiceResult<T>>,
  nobody: VoiceResult<T>,
): Promise<Asked<VoiceResult<T>>> {
  return await askOnce(async () => {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof ActorError && error.reason === 'noconnection') return nobody;
      throw error;
    }
  });
}

function failureOf(result: Extract<VoiceResult<unknown>, { ok: false }>): Failure {
  const code = CODES[result.error];
  return code === 'unavailable' ? unavailable(result.retryMs) : fail(code);
}
