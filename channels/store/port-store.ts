/**
 * PortStore: the Store over a port to a writer and readers, wherever these run. Checks arguments on the
 * caller's thread, encodes documents, and turns outcomes into the results of the contract. Any thread.
 */
import { defer } from '../../runtime/index.ts';
import type {
  ChannelLog,
  Commit,
  CommitDone,
  CommitResult,
  Doc,
  DocResult,
  DocStore,
  DocWrite,
  Id,
  LogEvent,
  LogHead,
  MessageAnchor,
  MessageRow,
  Ms,
  OpenedLog,
  Seq,
  Store,
} from '../types.ts';
import {
  checkAnchor,
  checkCommit,
  checkIds,
  checkKeys,
  checkLimit,
  checkText,
  checkU53,
  encodeBatch,
} from './check.ts';
import { StoreError } from './errors.ts';
import type {
  Change,
  ChangeValue,
  DocChangeResult,
  Outcome,
  RawDoc,
  ReadRequest,
} from './types.ts';
import { type WriteDone, WriteGather } from './write-gather.ts';

/** How a PortStore reaches its writer and readers. */
export interface StorePort {
  readonly durability: 0 | 1 | 2 | 3;
  /** Carries out changes in order, each for itself; rejects when no outcome is known. */
  write(changes: readonly Change[]): Promise<readonly Outcome[]>;
  read(request: ReadRequest): Promise<unknown>;
  /** Ends after everything in flight is settled. */
  close(): Promise<void>;
}

/** A Store over `port`. Any thread; belongs to the thread that made it. */
export class PortStore implements Store {
  readonly log: ChannelLog;
  readonly docs: DocStore;
  readonly #port: StorePort;
  readonly #gather: WriteGather;
  #closing: Promise<void> | undefined;
  readonly #reads = new Set<Promise<unknown>>();

  constructor(port: StorePort) {
    this.#port = port;
    this.#gather = new WriteGather((changes) => port.write(changes));
    const client: Client = {
      submit: (change, done) => this.#submit(change, done),
      read: (request) => this.#read(request),
    };
    this.log = new PortLog(client, port.durability);
    this.docs = new PortDocs(client);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled([...this.#reads, this.#gather.drained()]).then(() =>
      this.#port.close(),
    );
    return this.#closing;
  }

  #submit(change: Change, done: WriteDone): void {
    if (this.#closing === undefined) {
      this.#gather.add(change, done);
    } else {
      defer(() => done(undefined, closed()));
    }
  }

  async #read(request: ReadRequest): Promise<unknown> {
    if (this.#closing !== undefined) {
      throw closed();
    }
    const promise = this.#port.read(request);
    this.#reads.add(promise);
    try {
      return await promise;
    } finally {
      this.#reads.delete(promise);
    }
  }
}

function closed(): StoreError {
  return new StoreError('DRIFT_CHANNELS_STORE_CLOSED', 'use the store: it is closed');
}

interface Client {
  /** `done` is called exactly once, never from in here. */
  submit(change: Change, done: WriteDone): void;
  read(request: ReadRequest): Promise<unknown>;
}

/** A promise for what `run` gives its `done`: a result, or undefined and the error. */
function promised<T>(
  run: (done: (result: T | undefined, error?: unknown) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    run((result, error) => {
      if (result === undefined) {
        reject(error);
      } else {
        resolve(result);
      }
    });
  });
}

/** As `submit`, by a promise. */
function write(client: Client, change: Change): Promise<Outcome> {
  return promised((done) => client.submit(change, done));
}

class PortLog implements ChannelLog {
  readonly durability: 0 | 1 | 2 | 3;
  readonly #client: Client;

  constructor(client: Client, durability: 0 | 1 | 2 | 3) {
    this.#client = client;
    this.durability = durability;
  }

  async open(sid: Id): Promise<OpenedLog> {
    checkU53('sid', sid);
    const outcome = await write(this.#client, { op: 'open', sid });
    return unwrap(outcome) as OpenedLog;
  }

  commit(commit: Commit): Promise<CommitResult> {
    return promised((done) => this.submit(commit, done));
  }

  submit(commit: Commit, done: CommitDone): void {
    try {
      checkCommit(commit);
    } catch (error) {
      defer(() => done(undefined, error));
      return;
    }
    this.#client.submit({ op: 'commit', commit }, (outcome, error) => {
      if (outcome === undefined) {
        done(undefined, error);
      } else if (outcome.status === 'done') {
        done(outcome.value as CommitResult);
      } else if (outcome.status === 'unavailable') {
        done({ ok: false, why: 'unavailable', retryMs: outcome.retryMs });
      } else {
        done(undefined, failureOf(outcome));
      }
    });
  }

  async replay(sid: Id, after: Seq, limit: number, bytesMax: number): Promise<readonly LogEvent[]> {
    checkU53('sid', sid);
    checkU53('after', after);
    checkLimit('limit', limit);
    return this.#client.read({ op: 'replay', sid, after, limit, bytesMax }) as Promise<LogEvent[]>;
  }

  async history(sid: Id, anchor: Seq, before: number, after: number): Promise<readonly LogEvent[]> {
    checkU53('sid', sid);
    checkU53('anchor', anchor);
    checkLimit('before', before);
    checkLimit('after', after);
    return this.#client.read({ op: 'history', sid, anchor, before, after }) as Promise<LogEvent[]>;
  }

  async get(sid: Id, seqs: readonly Seq[]): Promise<readonly (LogEvent | undefined)[]> {
    checkU53('sid', sid);
    checkIds('seq', seqs);
    return this.#client.read({ op: 'get', sid, seqs }) as Promise<(LogEvent | undefined)[]>;
  }

  async editsOf(sid: Id, target: Seq): Promise<readonly Seq[]> {
    checkU53('sid', sid);
    checkU53('target', target);
    return this.#client.read({ op: 'editsOf', sid, target }) as Promise<Seq[]>;
  }

  async findNonce(
    sid: Id,
    actor: Id,
    nonce: string,
  ): Promise<{ seq: Seq; ts: number; digest: Uint8Array } | undefined> {
    checkU53('sid', sid);
    checkU53('actor', actor);
    checkText('nonce', nonce);
    return this.#client.read({ op: 'findNonce', sid, actor, nonce }) as Promise<
      { seq: Seq; ts: number; digest: Uint8Array } | undefined
    >;
  }

  async messages(
    sid: Id,
    anchor: MessageAnchor,
    limit: number,
    viewer: Id,
  ): Promise<readonly MessageRow[]> {
    checkU53('sid', sid);
    checkAnchor(anchor);
    checkLimit('limit', limit);
    checkU53('viewer', viewer);
    return this.#client.read({ op: 'messages', sid, anchor, limit, viewer }) as Promise<
      MessageRow[]
    >;
  }

  async pins(sid: Id, limit: number, viewer: Id): Promise<readonly MessageRow[]> {
    checkU53('sid', sid);
    checkLimit('limit', limit);
    checkU53('viewer', viewer);
    return this.#client.read({ op: 'pins', sid, limit, viewer }) as Promise<MessageRow[]>;
  }

  async reactors(
    sid: Id,
    target: Seq,
    emoji: string,
    after: Id,
    limit: number,
  ): Promise<readonly Id[]> {
    checkU53('sid', sid);
    checkU53('target', target);
    checkText('emoji', emoji);
    checkU53('after', after);
    checkLimit('limit', limit);
    const request: ReadRequest = { op: 'reactors', sid, target, emoji, after, limit };
    return this.#client.read(request) as Promise<Id[]>;
  }

  async recent(windowMs: Ms): Promise<readonly Id[]> {
    checkU53('windowMs', windowMs);
    return this.#client.read({ op: 'recent', windowMs }) as Promise<Id[]>;
  }

  async heads(sids: readonly Id[]): Promise<readonly LogHead[]> {
    checkIds('sid', sids);
    return this.#client.read({ op: 'heads', sids }) as Promise<LogHead[]>;
  }

  async drop(sid: Id): Promise<void> {
    checkU53('sid', sid);
    unwrap(await write(this.#client, { op: 'drop', sid }));
  }
}

class PortDocs implements DocStore {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async get<T>(kind: string, keys: readonly string[]): Promise<readonly (Doc<T> | undefined)[]> {
    checkKeys(keys);
    const docs = (await this.#client.read({ op: 'docsGet', kind, keys })) as (RawDoc | undefined)[];
    return docs.map((doc) => doc && parsed<T>(doc));
  }

  async find<T>(kind: string, unique: string): Promise<Doc<T> | undefined> {
    checkText('doc unique', unique);
    const doc = (await this.#client.read({ op: 'docsFind', kind, unique })) as RawDoc | undefined;
    return doc && parsed<T>(doc);
  }

  async list<T>(
    kind: string,
    prefix: string,
    afterKey: string | undefined,
    limit: number,
  ): Promise<readonly Doc<T>[]> {
    checkText('doc prefix', prefix);
    checkLimit('limit', limit);
    const request: ReadRequest = { op: 'docsList', kind, prefix, afterKey, limit };
    return ((await this.#client.read(request)) as RawDoc[]).map((doc) => parsed<T>(doc));
  }

  async write(batch: readonly DocWrite[]): Promise<DocResult> {
    const outcome = await write(this.#client, { op: 'docs', batch: encodeBatch(batch) });
    if (outcome.status === 'unavailable') {
      return { ok: false, why: 'unavailable', retryMs: outcome.retryMs };
    }
    return unwrap(outcome) as DocChangeResult;
  }
}

function parsed<T>(doc: RawDoc): Doc<T> {
  return { key: doc.key, rev: doc.rev, value: JSON.parse(doc.json) as T };
}

function unwrap(outcome: Outcome): ChangeValue {
  if (outcome.status === 'done') {
    return outcome.value;
  }
  throw failureOf(outcome);
}

function failureOf(outcome: Exclude<Outcome, { readonly status: 'done' }>): StoreError {
  switch (outcome.status) {
    case 'unavailable':
      return new StoreError('DRIFT_CHANNELS_STORE_UNAVAILABLE', 'write: the store cannot write', {
        data: { retryMs: outcome.retryMs },
      });
    case 'unknown':
      return new StoreError('DRIFT_CHANNELS_STORE_UNKNOWN', 'write: the outcome is not known');
    case 'rejected':
      return new StoreError('DRIFT_CHANNELS_STORE_REJECTED', outcome.message);
  }
}
