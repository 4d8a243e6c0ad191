/**
 * Verb `where`: on which thread a channel or user lives, who listens or is connected, and what the log says of a message. Reads the
 * store and plain facts of the threads; never content, never an actor of the chat.
 */
import { z } from 'zod';
import { pad, type StreamDoc } from '../../../channels/index.ts';
import type { AudienceFacts, ConnectionFacts } from '../../../gateway/index.ts';
import { entity, slotOf, slotsOf } from '../../../runtime/index.ts';
import { askAgent, askFor } from '../agent-ask.ts';
import type { Inspection } from '../agent-types.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';
import { chatId } from './args.ts';

const TIMEOUT_MS = 10_000;
const ASK = { timeoutMs: 2_000 } as const;
/** More than a user may have open at once without LIMITS=trusted. */
const CONNECTIONS_MAX = 100;
const GUILDS_MAX = 200;

const args = z.discriminatedUnion('what', [
  z.strictObject({ what: z.literal('channel'), sid: chatId }),
  z.strictObject({ what: z.literal('message'), sid: chatId, seq: chatId }),
  z.strictObject({ what: z.literal('user'), uid: chatId }),
]);

/** Where an entity lives, and whether it does now. */
interface Home {
  readonly id: string;
  readonly thread: string;
  readonly isUp: boolean;
  /** null: passive, or its thread does not answer. */
  readonly live: Pick<
    Inspection['info'],
    'status' | 'mailboxLength' | 'messagesIn' | 'startedAt' | 'restarts'
  > | null;
}

interface Audience extends AudienceFacts {
  readonly thread: string;
}

interface Connected extends ConnectionFacts {
  readonly id: string;
  readonly thread: string;
}

export function whereVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const places = new Places(deps);
  return [
    defineVerb({
      name: 'where',
      about:
        'Where a channel, message or user is: thread, listeners, connections, place in the log',
      effect: 'read',
      args,
      timeoutMs: TIMEOUT_MS,
      run: async (m): Promise<VerbResult> => {
        if (m.what === 'user') return places.user(m.uid);
        return m.what === 'channel' ? places.channel(m.sid) : places.message(m.sid, m.seq);
      },
    }),
  ];
}

class Places {
  readonly #deps: AdminDeps;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
  }

  async channel(sid: number): Promise<VerbResult> {
    const { docs, log } = this.#deps.store;
    const [[doc], [head]] = await Promise.all([
      docs.get<StreamDoc>('stream', [pad(sid)]),
      log.heads([sid]),
    ]);
    if (doc === undefined) return fail('not_found', `there is no channel ${sid}`);
    const { gid, type } = doc.value;
    const above = gid === 0 ? null : await this.#home('guild', gid);
    const [stream, audience] = await Promise.all([this.#home('stream', sid), this.#audience(sid)]);
    return done({ sid, type, gid, stream, guild: above, log: head ?? null, audience });
  }

  async message(sid: number, seq: number): Promise<VerbResult> {
    const channel = await this.channel(sid);
    if (!channel.ok) return channel;
    const [event] = await this.#deps.store.log.get(sid, [seq]);
    if (event === undefined) return fail('not_found', `channel ${sid} has no message ${seq}`);
    const { actor, frame, kind, target, ts } = event;
    const heard = (channel.value as { readonly audience: readonly Audience[] }).audience;
    const delivered = heard.map((each) => ({
      thread: each.thread,
      subscribers: each.subscribers,
      lagging: each.lagging,
      // What a thread has received it has given to its subscribers, or keeps for those that lag.
      received: each.seq >= seq,
    }));
    const message = { seq, ts, kind, actor, target, bytes: frame.byteLength };
    return done({ message, delivered, channel: channel.value });
  }

  async user(uid: number): Promise<VerbResult> {
    const { docs } = this.#deps.store;
    const [[user], guilds] = await Promise.all([
      docs.get<{ readonly username: string }>('user', [pad(uid)]),
      docs.list<unknown>('userGuild', `${pad(uid)}/`, undefined, GUILDS_MAX),
    ]);
    if (user === undefined) return fail('not_found', `there is no user ${uid}`);
    const [home, inbox, connections] = await Promise.all([
      this.#home('user', uid),
      this.#home('stream', uid),
      this.#connections(uid),
    ]);
    const { username } = user.value;
    return done({ uid, username, guilds: guilds.length, user: home, inbox, connections });
  }

  async #home(type: string, key: number): Promise<Home> {
    const thread = slotOf(entity(type, key));
    const slot = this.#deps.node.slots().find(({ name }) => name === thread);
    const asked = askAgent(thread, 'inspect', { path: `${type}/${key}`, raw: false }, ASK);
    const seen = await askFor(asked);
    return {
      id: this.#deps.tree.idOf(type, key),
      thread,
      isUp: slot?.up === true,
      live: seen.ok ? liveFacts(seen.value) : null,
    };
  }

  async #audience(sid: number): Promise<readonly Audience[]> {
    const heard = await Promise.all(
      slotsOf('gateway').map(async (thread): Promise<Audience[]> => {
        const asked = await askAgent(thread, 'audience', { sid }, ASK);
        return asked.ok && asked.value !== null ? [{ thread, ...asked.value }] : [];
      }),
    );
    return heard.flat();
  }

  async #connections(uid: number): Promise<readonly Connected[]> {
    const { nodeName } = this.#deps;
    const found = await Promise.all(
      slotsOf('gateway').map(async (thread): Promise<Connected[]> => {
        const asked = await askAgent(thread, 'connections', { uid, limit: CONNECTIONS_MAX }, ASK);
        if (!asked.ok) return [];
        return asked.value.map((each) => {
          return { id: `${nodeName}/${thread}/sessions/${each.conn}`, thread, ...each };
        });
      }),
    );
    return found.flat();
  }
}

function liveFacts({ info }: Inspection): NonNullable<Home['live']> {
  const { mailboxLength, messagesIn, restarts, startedAt, status } = info;
  return { status, mailboxLength, messagesIn, startedAt, restarts };
}
