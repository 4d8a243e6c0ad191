/** Messages of a channel: a page of them, and a new one. Gateway threads. */
import * as z from 'zod';
import type { AppendRequest, MessageAnchor } from '../../../channels/index.ts';
import { Err, MsgFlag } from '../../protocol/index.ts';
import { appendEvent, MESSAGE_KIND } from '../append-event.ts';
import { APPEND_RATES } from '../append-rates.ts';
import { askOnce, askRead } from '../ask.ts';
import { readFailure } from '../read-failure.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HttpDeps } from '../types.ts';
import { messageView } from '../views.ts';

const tag = 'messages';
const REDACTED_KIND = 0;
const MARKER_TIMEOUT_MS = 1000;

/** `onRepeat` is called for each append that is repeated because its outcome was not known. */
export function messageRoutes(
  deps: HttpDeps,
  streams: StreamLookup,
  onRepeat: () => void,
): readonly Route[] {
  return [listMessages(deps, streams), createMessage(deps, streams, onRepeat)];
}

function listMessages(deps: HttpDeps, streams: StreamLookup): Route {
  return route({
    method: 'GET',
    path: '/api/v1/channels/:id/messages',
    tag,
    summary: 'Messages of a channel, ascending; without an anchor the newest',
    description:
      'At most one of before, after (both exclusive) and around (inclusive). Edits and reactions are folded in, deleted messages left out.',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    query: schemas.messagesQuery,
    answers: { 200: schemas.messagePage },
    errors: ['not_found', 'forbidden'],
    handle: async ({ uid, params, query, requestId }) => {
      const sid = params.id;
      const channel = await streams.channel(sid);
      if (!channel.ok) return channel.failure;
      const ask = { uid, anchor: anchorOf(query), limit: query.limit };
      const asked = await askRead(deps.clock, () => deps.stream(sid, requestId)('messages', ask));
      if (!asked.ok) return asked.failure;
      const page = asked.value;
      if (!page.ok) return readFailure(page);
      const { epoch, first, head } = page;
      const items = page.items.map((item) => messageView(sid, epoch, item));
      return reply(200, { epoch, first, head, items });
    },
  });
}

function createMessage(deps: HttpDeps, streams: StreamLookup, onRepeat: () => void): Route {
  return route({
    method: 'POST',
    path: '/api/v1/channels/:id/messages',
    tag,
    summary: 'Send a message; the same nonce again gives the same message',
    description: 'At most 5 per 5 s and channel, 20 per 5 s in all, together with the socket.',
    auth: 'user',
    limit: 'general',
    rates: APPEND_RATES,
    idempotency: {
      // Never the content: what is deleted later must not be read back from here.
      keep: (body) => keptMessage.parse(body),
      again: (input, kept) => messageNow(deps, input, keptMessage.parse(kept)),
    },
    params: schemas.idParams,
    body: schemas.createMessageBody,
    answers: { 200: schemas.message, 201: schemas.message },
    errors: ['not_found', 'forbidden', 'nonce_reused'],
    handle: async ({ uid, params, body, requestId }) => {
      const sid = params.id;
      const channel = await streams.channel(sid);
      if (!channel.ok) return channel.failure;
      const append = { uid, nonce: body.nonce, kind: MESSAGE_KIND, body: eventBody(body) };
      const done = await appendEvent(deps.clock, deps.stream(sid, requestId), append, onRepeat);
      if (!done.ok) return done.failure;
      // An own message moves the own marker (protocol.md 2.17, item 18). It is sent, whatever becomes of that.
      await askOnce(() =>
        deps.user(uid, requestId)(
          'wrote',
          { at: [[sid, done.seq]] },
          { timeoutMs: MARKER_TIMEOUT_MS },
        ),
      );
      if (!done.duplicate) return reply(201, freshView(sid, uid, body, done));
      return messageNow(deps, { uid, params, body, requestId }, done);
    },
  });
}

type Draft = z.output<typeof schemas.createMessageBody>;
const keptMessage = z.object({ epoch: z.int(), seq: z.int(), ts: z.int() });
type Position = z.output<typeof keptMessage>;

/** Body of kind 1 (protocol.md 2.5). */
function eventBody(draft: Draft): AppendRequest['body'] {
  const { content, replyTo = null, attachments = [], silent, mentionsEveryone } = draft;
  const flags = (silent ? MsgFlag.SILENT : 0) | (mentionsEveryone ? MsgFlag.EVERYONE : 0);
  if (attachments.length > 0 || flags > 0) {
    const files = attachments.map(({ id, name, size, mime }) => [id, name, size, mime]);
    return [content, replyTo, flags, files];
  }
  return replyTo === null ? [content] : [content, replyTo];
}

/** A message as its author has just sent it. */
function freshView(sid: number, uid: number, draft: Draft, at: Position) {
  const { epoch, seq, ts } = at;
  const { content, replyTo, attachments = [] } = draft;
  return {
    channelId: String(sid),
    seq,
    epoch,
    ts,
    kind: MESSAGE_KIND,
    authorId: String(uid),
    content,
    replyTo: replyTo ?? null,
    editedAt: null,
    reactions: [],
    attachments,
  };
}

interface Sent {
  readonly uid: number;
  readonly params: { readonly id: number };
  readonly body: Draft;
  readonly requestId: string;
}

/** A message that was sent before: it may have been edited, reacted to or deleted since. */
async function messageNow(deps: HttpDeps, input: Sent, at: Position) {
  const { uid, body: draft, requestId } = input;
  const sid = input.params.id;
  const { epoch, seq } = at;
  const fresh = freshView(sid, uid, draft, at);
  const asked = await askRead(deps.clock, () =>
    deps.stream(sid, requestId)('message', { uid, seq }),
  );
  if (!asked.ok) return asked.failure;
  if (!asked.value.ok) {
    // No right to read history: what the caller sent is what the caller may see.
    return asked.value.code === Err.NO_HISTORY ? reply(200, fresh) : readFailure(asked.value);
  }
  const now = asked.value.items[0];
  const gone = { ...fresh, kind: REDACTED_KIND, content: '', replyTo: null, attachments: [] };
  return reply(200, now === undefined ? gone : messageView(sid, epoch, now));
}

function anchorOf(query: z.output<typeof schemas.messagesQuery>): MessageAnchor {
  const { before, after, around } = query;
  if (around !== undefined) return { around };
  if (after !== undefined) return { after };
  return { before: before ?? Number.MAX_SAFE_INTEGER };
}
