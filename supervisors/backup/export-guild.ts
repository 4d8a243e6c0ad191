/**
 * Owns the export of one guild: JSON lines in a hash chain (README.md), from a Store, into a file. Reads page by page, so that it
 * never holds a guild in memory and never keeps a reader busy for long. Any thread.
 *
 * What was deleted or overwritten is not in the store any more and so not in an export. Passwords, addresses, invites, nonces and
 * tokens stay out.
 */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pad, type Store } from '../../channels/index.ts';
import { decodeEvent } from '../../gateway/protocol/index.ts';
import type { Clock } from '../../runtime/index.ts';
import { ChainWriter } from './chain.ts';
import type { OperationResult, StepProgress } from './types.ts';

export interface ExportOptions {
  readonly store: Store;
  readonly gid: number;
  /** Absolute path of the file to make. */
  readonly to: string;
  readonly version: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly onProgress?: (progress: StepProgress) => void;
  readonly signal?: AbortSignal;
}

/** A finished export. `head` is the hash of the last line: whoever keeps it can tell that nothing was changed or cut off. */
export interface Exported {
  readonly file: string;
  readonly lines: number;
  readonly events: number;
  readonly head: string;
}

interface Work extends ExportOptions {
  readonly chain: ChainWriter;
  /** Ids of people that lines speak of. */
  readonly people: Set<number>;
}

type Fields = Readonly<Record<string, unknown>>;
type Shape = (value: Fields, id: string) => Fields;

const DOCS_PAGE = 500;
const EVENTS_PAGE = 200;
const PAGE_BYTES = 256 * 1024;

/** Documents below the guild's id, and what of them is exported. */
const DOCUMENTS: readonly (readonly [kind: string, shape: Shape])[] = [
  ['role', (role, id) => ({ ...role, id })],
  ['member', ({ joinedAt, nick, roles }, id) => ({ id, nick, roles: texts(roles), joinedAt })],
  ['ban', ({ at, by, reason }, id) => ({ id, by: String(by), reason, at })],
  ['audit', (entry, id) => ({ ...entry, id, actor: String(entry.actor) })],
];

/** Exports the guild `gid`; the file (mode 0600) is there under its name only when it is whole. */
export async function exportGuild(options: ExportOptions): Promise<OperationResult<Exported>> {
  const { gid, store, to } = options;
  const [guild] = await store.docs.get<Fields>('guild', [pad(gid)]);
  if (guild === undefined)
    return { ok: false, code: 'not_found', message: `guild ${gid}: there is none` };
  const partial = `${to}.partial`;
  let file: FileHandle | undefined;
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await rm(partial, { force: true });
    file = await open(partial, 'wx', 0o600);
    const chain = new ChainWriter(file);
    const events = await writeAll({ ...options, chain, people: new Set() }, guild.value);
    const head = await chain.end({ events });
    await file.sync();
    await rename(partial, to);
    return { ok: true, value: { file: to, lines: chain.lines, events, head } };
  } catch (error) {
    return { ok: false, code: 'failed', message: `export to ${to}: ${(error as Error).message}` };
  } finally {
    await file?.close();
    await rm(partial, { force: true });
  }
}

async function writeAll(work: Work, guild: Fields): Promise<number> {
  const { chain, clock, gid, onProgress, people, version } = work;
  const { createdAt, name, ownerId } = guild;
  await chain.line('export', { format: 1, version, at: clock.now(), guildId: String(gid) });
  await chain.line('guild', { id: String(gid), name, ownerId: String(ownerId), createdAt });
  people.add(Number(ownerId));
  for (const [kind, shape] of DOCUMENTS) {
    for await (const { id, value } of documents(work, kind)) {
      await chain.line(kind, shape(value, id));
      if (kind === 'member') people.add(Number(id));
    }
  }
  const channels: number[] = [];
  for await (const { id, value } of documents(work, 'channel')) {
    await chain.line('channel', channelOf(value, id));
    channels.push(Number(id));
  }
  let events = 0;
  for (const [i, sid] of channels.entries()) {
    onProgress?.({ step: 'channels', share: i / channels.length });
    events += await writeStream(work, sid);
  }
  await writePeople(work);
  return events;
}

/** Documents of a kind below the guild, by key. */
async function* documents(
  { gid, signal, store }: Work,
  kind: string,
): AsyncGenerator<{ readonly id: string; readonly value: Fields }> {
  const prefix = `${pad(gid)}/`;
  let after: string | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const page = await store.docs.list<Fields>(kind, prefix, after, DOCS_PAGE);
    for (const { key, value } of page)
      yield { id: String(Number(key.slice(prefix.length))), value };
    if (page.length < DOCS_PAGE) return;
    after = page.at(-1)?.key;
  }
}

/** Types of channels as the documents have them (protocol.md 2.4). */
const CHANNEL_TYPES: Readonly<Record<number, string>> = { 1: 'text', 2: 'voice', 5: 'thread' };

function channelOf(value: Fields, id: string): Fields {
  const { name, overwrites = [], parent, position, slowModeS = 0, startSeq = null, topic } = value;
  return {
    id,
    name,
    type: CHANNEL_TYPES[Number(value.type ?? 1)] ?? 'text',
    topic,
    position,
    slowModeS,
    parentId: parent === undefined ? null : String(parent),
    startSeq,
    overwrites: (overwrites as Fields[]).map((one) => ({ ...one, target: String(one.target) })),
  };
}

/** All events of a channel up to its present head, gapless. */
async function writeStream(work: Work, sid: number): Promise<number> {
  const { chain, people, signal, store } = work;
  const [head] = await store.log.heads([sid]);
  if (head === undefined) return 0;
  const channelId = String(sid);
  await chain.line('stream', { channelId, epoch: head.epoch, first: head.first, head: head.head });
  let written = 0;
  for (let after = head.first - 1; after < head.head; ) {
    signal?.throwIfAborted();
    const limit = Math.min(EVENTS_PAGE, head.head - after);
    const page = await store.log.replay(sid, after, limit, PAGE_BYTES);
    if (page.length === 0) break; // deleted meanwhile
    for (const { frame } of page) {
      const { actor, body, kind, seq, ts } = decodeEvent(frame);
      await chain.line('event', { channelId, seq, ts, kind, actor: String(actor), body });
      if (actor > 0) people.add(actor);
    }
    written += page.length;
    after = page.at(-1)?.seq ?? head.head;
  }
  return written;
}

/** Names of everybody who is a member or has said something. */
async function writePeople({ chain, people, signal, store }: Work): Promise<void> {
  const ids = [...people].sort((a, b) => a - b);
  for (let at = 0; at < ids.length; at += DOCS_PAGE) {
    signal?.throwIfAborted();
    const found = await store.docs.get<Fields>('user', ids.slice(at, at + DOCS_PAGE).map(pad));
    for (const doc of found) {
      if (doc === undefined) continue;
      const { displayName, id, username } = doc.value;
      await chain.line('user', { id: String(id), username, displayName });
    }
  }
}

function texts(ids: unknown): readonly string[] {
  return (ids as number[]).map(String);
}
