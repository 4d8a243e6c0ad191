/**
 * Checks and encodes the arguments of a Store at its border, once on the caller's thread and again in
 * the writer. Wrong arguments are bugs of the caller: TypeError or RangeError. Pure; any thread.
 */
import type { Commit, DocWrite, Id, LogEvent, MessageAnchor, Seq } from '../types.ts';
import type { Change, DocChange } from './types.ts';

/** Most rows that one read may ask for; a page above it is a bug, not a wish. */
export const LIMIT_MAX = 10_000;
/** Most changes in one commit or batch: what one transaction may hold without stalling others. */
export const COMMIT_MAX = 10_000;

/** Throws RangeError unless `value` is a u53. */
export function checkU53(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`check ${name}: got ${value}, want an integer from 0 to 2^53-1`);
  }
}

/** Throws RangeError unless `value` is a whole number from 0 to LIMIT_MAX. */
export function checkLimit(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > LIMIT_MAX) {
    throw new RangeError(`check ${name}: got ${value}, want an integer from 0 to ${LIMIT_MAX}`);
  }
}

/**
 * Throws TypeError for text that SQLite would not give back as it was: lone surrogates become U+FFFD,
 * and node:sqlite cuts what it reads at NUL.
 */
export function checkText(name: string, value: string): void {
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\0')) {
    throw new TypeError(`check ${name}: want a well-formed string without NUL`);
  }
}

/** Throws unless the commit is one that a store may be asked to carry out. */
export function checkCommit(commit: Commit): void {
  checkU53('sid', commit.sid);
  checkU53('fence', commit.fence);
  checkU53('after', commit.after);
  const size = commit.events.length + commit.rewrites.length;
  if (size === 0 || size > COMMIT_MAX) {
    throw new RangeError(`check commit: got ${size} changes, want 1 to ${COMMIT_MAX}`);
  }
  for (let i = 0; i < commit.events.length; i += 1) {
    checkEvent(commit.events[i]!, commit.after + 1 + i);
  }
  const head = commit.after + commit.events.length;
  for (const rewrite of commit.rewrites) {
    checkU53('rewrite kind', rewrite.kind);
    checkU53('rewrite editedAt', rewrite.editedAt);
    checkBytes('rewrite frame', rewrite.frame);
    if (!Number.isSafeInteger(rewrite.seq) || rewrite.seq < 1 || rewrite.seq > head) {
      throw new RangeError(`check rewrite seq: got ${rewrite.seq}, want 1 to ${head}`);
    }
  }
}

function checkEvent(event: LogEvent, seq: Seq): void {
  if (event.seq !== seq) {
    throw new RangeError(`check event seq: got ${event.seq}, want ${seq}`);
  }
  checkU53('event ts', event.ts);
  checkU53('event kind', event.kind);
  checkU53('event actor', event.actor);
  checkU53('event target', event.target);
  checkText('event emoji', event.emoji);
  checkText('event nonce', event.nonce);
  checkBytes('event digest', event.digest);
  checkBytes('event frame', event.frame);
}

function checkBytes(name: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`check ${name}: want a Uint8Array`);
  }
}

/** Checks a batch of document writes and encodes the values. */
export function encodeBatch(batch: readonly DocWrite[]): readonly DocChange[] {
  if (batch.length === 0 || batch.length > COMMIT_MAX) {
    throw new RangeError(`check batch: got ${batch.length} writes, want 1 to ${COMMIT_MAX}`);
  }
  return batch.map(encodeWrite);
}

function encodeWrite(write: DocWrite): DocChange {
  checkText('doc kind', write.kind);
  checkText('doc key', write.key);
  if (write.key === '') {
    throw new TypeError('check doc key: want at least one character');
  }
  if (typeof write.expect === 'number') {
    checkU53('doc expect', write.expect);
  } else if (write.expect !== 'absent' && write.expect !== 'any') {
    throw new TypeError('check doc expect: want a revision, "absent" or "any"');
  }
  for (const value of write.unique ?? []) {
    checkText('doc unique', value);
  }
  // JSON.stringify gives undefined for undefined and functions, whatever its type says.
  const json = JSON.stringify(write.value) as string | undefined;
  if (json === undefined) {
    throw new TypeError('check doc value: want a JSON value');
  }
  return {
    kind: write.kind,
    key: write.key,
    expect: write.expect,
    json: json === 'null' ? null : json,
    unique: write.unique,
  };
}

/** Throws unless the anchor names exactly one position. */
export function checkAnchor(anchor: MessageAnchor): void {
  const values: readonly number[] = Object.values(anchor);
  if (values.length !== 1) {
    throw new TypeError('check anchor: want one of before, after, around');
  }
  checkU53('anchor', values[0]!);
}

/** Throws unless all are u53; at most LIMIT_MAX of them. */
export function checkIds(name: string, ids: readonly Id[]): void {
  checkLimit(`${name} count`, ids.length);
  for (const id of ids) {
    checkU53(name, id);
  }
}

/** Throws unless all are storable text; at most LIMIT_MAX of them. */
export function checkKeys(keys: readonly string[]): void {
  checkLimit('key count', keys.length);
  for (const key of keys) {
    checkText('doc key', key);
  }
}

/** Throws when a change that arrived at the writer is not one that it may carry out. */
export function checkChange(change: Change): void {
  if (change.op === 'commit') {
    checkCommit(change.commit);
  } else if (change.op === 'docs') {
    for (const write of change.batch) {
      checkText('doc key', write.key);
    }
  } else {
    checkU53('sid', change.sid);
  }
}
