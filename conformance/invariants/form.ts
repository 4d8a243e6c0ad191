/**
 * The form of every frame from the server, which no invariant of section 4 names but other sections do: sizes (2.13), what may lie in a BATCH (2.4),
 * names of codes and the ERR before a close (2.12, 2.17.10), the body and the epoch of an event (2.17.4, 2.17.19). Pure.
 */
import { type ConnectionLog, framesOf, type LogEntry, type Received } from '../peer/log.ts';
import { NAMES, Op } from '../wire/codes.ts';
import { elementsOf } from '../wire/msgpack.ts';
import type { Frame, Wire } from '../wire/types.ts';
import type { Violation } from './walk.ts';

const KIB = 1024;
const FRAME_MAX = 128 * KIB;
const BATCH_MAX = 64 * KIB;
const BATCH_EVENTS_MAX = 200;
/** "One broadcast frame < 16 KiB". */
const BROADCAST_MAX = 16 * KIB - 1;
const IN_BATCH: readonly Wire[] = [Op.EV, Op.HEAD, Op.GAP];
/** 2.17.10: the closes that an ERR with rid 0 always precedes. */
const TOLD_FIRST: readonly number[] = [4007, 4500, 4501, 4502, 4503, 4507];

/** Every frame of the log, and its end. */
export function wellFormed(log: ConnectionLog): Violation[] {
  const found: Violation[] = [];
  const blame = (invariant: string, what: string): void => {
    found.push({ invariant, client: log.client, sid: 0, what });
  };
  for (const entry of log.entries) {
    if (entry.dir === 'out') continue;
    sizes(entry, blame);
    for (const one of framesOf(entry, log.encoding)) {
      if (one.frame[0] === Op.EV) event(one, log.encoding === 'mp', blame);
      else if (one.frame[0] === Op.ERR) names(one.frame, blame);
    }
  }
  ending(log, blame);
  return found;
}

type Blame = (invariant: string, what: string) => void;

function sizes({ frame, bytes }: LogEntry, blame: Blame): void {
  if (bytes.length > FRAME_MAX) blame('2.13', `a frame of ${bytes.length} bytes`);
  if (frame[0] !== Op.BATCH) return;
  const inner = frame[1] as readonly Frame[];
  if (bytes.length > BATCH_MAX) blame('2.13', `a BATCH of ${bytes.length} bytes`);
  if (inner.length > BATCH_EVENTS_MAX) blame('2.13', `a BATCH of ${inner.length} frames`);
  const strange = inner.find(([op]) => !IN_BATCH.includes(op ?? null));
  if (strange !== undefined) blame('2.4', `opcode ${strange[0]} in a BATCH`);
}

function event({ frame, bytes }: Received, isMsgpack: boolean, blame: Blame): void {
  const seq = frame[3];
  if (bytes.length > BROADCAST_MAX) blame('2.13', `EV ${seq} has ${bytes.length} bytes`);
  const last = frame.length > 7 ? frame.at(-1) : 'no body';
  if (last === null || last === 0 || (Array.isArray(last) && last.length === 0))
    blame('2.17.19', `EV ${seq} ends with ${JSON.stringify(last)}`);
  if (isMsgpack && elementsOf(bytes)[2]?.[0] !== 0xce)
    blame('2.17.4', `EV ${seq} does not have its epoch as ce and four bytes`);
}

function names(frame: Frame, blame: Blame): void {
  const [, , code, name, retryMs = null] = frame;
  if (NAMES.get(Number(code)) !== name) blame('2.12', `ERR ${code} is called ${name}`);
  if (retryMs !== null && typeof retryMs !== 'number') blame('2.4', `ERR ${code} has ${retryMs}`);
}

function ending({ end, entries }: ConnectionLog, blame: Blame): void {
  if (end === undefined || end.code < 4000) return;
  if (NAMES.get(end.code) !== end.reason)
    blame('2.12', `close ${end.code} with the reason ${JSON.stringify(end.reason)}`);
  const isTold = entries.some(
    ({ dir, frame }) =>
      dir === 'in' && frame[0] === Op.ERR && frame[1] === 0 && frame[2] === end.code,
  );
  if (TOLD_FIRST.includes(end.code) && !isTold)
    blame('2.17.10', `close ${end.code} without an ERR before it`);
}
