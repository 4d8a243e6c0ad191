/**
 * One message: read, edit, delete, react, pin. The changes are appends of kinds 2 to 6, so rights, order
 * and replay are those of the socket. Gateway threads.
 */
import type { MessageView } from '../../../channels/index.ts';
import { appendEvent } from '../append-event.ts';
import { APPEND_RATES } from '../append-rates.ts';
import { type Asked, askRead } from '../ask.ts';
import { domainFailure, type Failure, fail } from '../errors.ts';
import { STORE_READ_RATES } from '../moderation-rates.ts';
import { readPage } from '../paging.ts';
import { readFailure } from '../read-failure.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import * as talk from '../schemas-talk.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HttpDeps } from '../types.ts';
import { messageView, userView } from '../views.ts';

const tag = 'messages';
const EDIT_KIND = 2;
const DELETE_KIND = 3;
const REACT_KIND = 4;
const UNREACT_KIND = 5;
const PIN_KIND = 6;
const NONCE_BYTES = 16;

/** What the routes of this file share. */
interface Acts {
  readonly deps: HttpDeps;
  readonly streams: StreamLookup;
  readonly onRepeat: () => void;
}

/** `onRepeat` is called for each append that is repeated because its outcome was not known. */
export function messageActRoutes(
  deps: HttpDeps,
  streams: StreamLookup,
  onRepeat: () => void,
): readonly Route[] {
  const acts = { deps, streams, onRepeat };
  return [
    getMessage(acts),
    patchMessage(acts),
    deleteMessage(acts),
    reactionRoute(acts, 'PUT', REACT_KIND, 'React to a message; a repeat changes nothing'),
    reactionRoute(
      acts,
      'DELETE',
      UNREACT_KIND,
      'Take the own reaction back; a repeat changes nothing',
    ),
    listReactors(acts),
    listPins(acts),
    pinRoute(acts, 'PUT', true, 'Pin a message (right to pin); a repeat changes nothing'),
    pinRoute(acts, 'DELETE', false, 'Take a pin away (right to pin); a repeat changes nothing'),
  ];
}

/** A message as it is now, with the epoch of its stream. */
interface Found {
  readonly epoch: number;
  readonly message: MessageView;
}

async function find(
  { deps, streams }: Acts,
  uid: number,
  sid: number,
  seq: number,
  requestId: string,
): Promise<Asked<Found>> {
  const channel = await streams.channel(sid);
  if (!channel.ok) return channel;
  const asked = await askRead(deps.clock, () =>
    deps.stream(sid, requestId)('message', { uid, seq }),
  );
  if (!asked.ok) return asked;
  if (!asked.value.ok) return { ok: false, failure: readFailure(asked.value) };
  const { epoch, items } = asked.value;
  const [message] = items;
  if (message === undefined) return { ok: false, failure: fail('not_found') };
  return { ok: true, value: { epoch, message } };
}

/** One append with a nonce of its own; undefined when it is done. */
async function act(
  { deps, streams, onRepeat }: Acts,
  uid: number,
  sid: number,
  kind: number,
  body: readonly (number | string | boolean)[],
  requestId: string,
): Promise<Failure | undefined> {
  const channel = await streams.channel(sid);
  if (!channel.ok) return channel.failure;
  const nonce = Buffer.from(deps.rng.bytes(NONCE_BYTES)).toString('base64url');
  const append = { uid, nonce, kind, body };
  const done = await appendEvent(deps.clock, deps.stream(sid, requestId), append, onRepeat);
  return done.ok ? undefined : done.failure;
}

/** The answer that is a message as it is now. */
async function showMessage(acts: Acts, uid: number, sid: number, seq: number, requestId: string) {
  const found = await find(acts, uid, sid, seq, requestId);
  if (!found.ok) return found.failure;
  return reply(200, messageView(sid, found.value.epoch, found.value.message));
}

function getMessage(acts: Acts): Route {
  return route({
    method: 'GET',
    path: '/api/v1/channels/:id/messages/:seq',
    tag,
    summary: 'A message',
    auth: 'user',
    limit: 'general',
    params: talk.messageParams,
    answers: { 200: schemas.message },
    errors: ['not_found', 'forbidden'],
    handle: ({ uid, params: { id: sid, seq }, requestId }) =>
      showMessage(acts, uid, sid, seq, requestId),
  });
}

function patchMessage(acts: Acts): Route {
  return route({
    method: 'PATCH',
    path: '/api/v1/channels/:id/messages/:seq',
    tag,
    summary: 'Edit an own message',
    auth: 'user',
    limit: 'general',
    rates: APPEND_RATES,
    params: talk.messageParams,
    body: schemas.editMessageBody,
    answers: { 200: schemas.message },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params: { id: sid, seq }, body, requestId }) => {
      const failed = await act(acts, uid, sid, EDIT_KIND, [seq, body.content], requestId);
      if (failed !== undefined) return failed;
      return showMessage(acts, uid, sid, seq, requestId);
    },
  });
}

function deleteMessage(acts: Acts): Route {
  return route({
    method: 'DELETE',
    path: '/api/v1/channels/:id/messages/:seq',
    tag,
    summary: "Delete an own message, or another's (right to manage)",
    auth: 'user',
    limit: 'general',
    rates: APPEND_RATES,
    params: talk.messageParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params: { id: sid, seq }, requestId }) =>
      (await act(acts, uid, sid, DELETE_KIND, [seq], requestId)) ?? reply(204),
  });
}

/** Whether the caller has reacted so already; undefined when that may not be read. */
async function hasReacted(
  acts: Acts,
  uid: number,
  { id, seq, emoji }: { readonly id: number; readonly seq: number; readonly emoji: string },
  requestId: string,
): Promise<Asked<boolean | undefined>> {
  const found = await find(acts, uid, id, seq, requestId);
  if (!found.ok && found.failure.failed === 'forbidden') return { ok: true, value: undefined };
  if (!found.ok) return found;
  const { reactions } = found.value.message;
  return { ok: true, value: reactions.some((one) => one.emoji === emoji && one.me) };
}

function reactionRoute(
  acts: Acts,
  method: 'PUT' | 'DELETE',
  kind: typeof REACT_KIND | typeof UNREACT_KIND,
  summary: string,
): Route {
  return route({
    method,
    path: '/api/v1/channels/:id/messages/:seq/reactions/:emoji',
    tag,
    summary,
    auth: 'user',
    limit: 'general',
    rates: APPEND_RATES,
    params: talk.reactionParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, requestId }) => {
      const has = await hasReacted(acts, uid, params, requestId);
      if (!has.ok) return has.failure;
      if (has.value === (kind === REACT_KIND)) return reply(204);
      const { id: sid, seq, emoji } = params;
      return (await act(acts, uid, sid, kind, [seq, emoji], requestId)) ?? reply(204);
    },
  });
}

function listReactors(acts: Acts): Route {
  const { deps, streams } = acts;
  return route({
    method: 'GET',
    path: '/api/v1/channels/:id/messages/:seq/reactions/:emoji',
    tag,
    summary: 'Who reacted so to a message, by ascending user id',
    auth: 'user',
    limit: 'general',
    rates: STORE_READ_RATES,
    params: talk.reactionParams,
    query: talk.reactorsQuery,
    answers: { 200: schemas.listOf(schemas.user) },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, query, requestId }) => {
      const { id: sid, seq, emoji } = params;
      const channel = await streams.channel(sid);
      if (!channel.ok) return channel.failure;
      const read = async (
        from: number | undefined,
        limit: number,
      ): Promise<Asked<readonly number[]>> => {
        const ask = { uid, seq, emoji, after: from ?? 0, limit };
        const asked = await askRead(deps.clock, () => deps.stream(sid, requestId)('reactors', ask));
        if (!asked.ok) return asked;
        if (!asked.value.ok) return { ok: false, failure: readFailure(asked.value) };
        return { ok: true, value: asked.value.uids };
      };
      const page = await readPage(query, read, (id) => id);
      if (!page.ok) return page.failure;
      const { items, next } = page.value;
      // A message that is gone has no reactions either: only then it is worth a look.
      const found = items.length === 0 ? await find(acts, uid, sid, seq, requestId) : undefined;
      if (found?.ok === false) return found.failure;
      const users = await Promise.all(items.map((id) => deps.accounts.user(id)));
      const away = users.find((user) => !user.ok && user.code === 'unavailable');
      if (away?.ok === false) return domainFailure(away);
      return reply(200, {
        // Accounts that are gone are left out.
        items: users.flatMap((user) => (user.ok ? [userView(user.value)] : [])),
        next,
      });
    },
  });
}

function listPins(acts: Acts): Route {
  const { deps, streams } = acts;
  return route({
    method: 'GET',
    path: '/api/v1/channels/:id/pins',
    tag,
    summary: 'Pinned messages of a channel, the newest pin first; at most 50, so one page',
    auth: 'user',
    limit: 'general',
    rates: STORE_READ_RATES,
    params: schemas.idParams,
    answers: { 200: schemas.listOf(schemas.message) },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params: { id: sid }, requestId }) => {
      const channel = await streams.channel(sid);
      if (!channel.ok) return channel.failure;
      const asked = await askRead(deps.clock, () => deps.stream(sid, requestId)('pins', { uid }));
      if (!asked.ok) return asked.failure;
      if (!asked.value.ok) return readFailure(asked.value);
      const { epoch, items } = asked.value;
      return reply(200, { items: items.map((item) => messageView(sid, epoch, item)), next: null });
    },
  });
}

function pinRoute(acts: Acts, method: 'PUT' | 'DELETE', on: boolean, summary: string): Route {
  return route({
    method,
    path: '/api/v1/channels/:id/pins/:seq',
    tag,
    summary,
    auth: 'user',
    limit: 'general',
    rates: APPEND_RATES,
    params: talk.messageParams,
    answers: { 204: null },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params: { id: sid, seq }, requestId }) =>
      (await act(acts, uid, sid, PIN_KIND, [seq, on], requestId)) ?? reply(204),
  });
}
