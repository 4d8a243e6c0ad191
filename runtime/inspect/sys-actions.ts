/**
 * What each sys request does to an actor of this thread, between two of its messages.
 */
import type { Ms } from '../clock.ts';
import { type AnyBehaviour, type Cell, compile, extraOf } from '../core/cell.ts';
import { Debug, type Installed } from '../core/debug.ts';
import type { Extra } from '../core/extra.ts';
import { formattedState, requestStop } from '../core/life.ts';
import { actorName, report, rt } from '../core/thread.ts';
import type { AnyRef, Key, Reason, SystemEvent } from '../types.ts';

/** Answer of sys.getStatus. */
export interface Status {
  readonly ref: AnyRef;
  readonly name: Key | undefined;
  readonly behaviour: string;
  readonly status: 'running' | 'suspended';
  readonly parent: AnyRef;
  /** What is switched on: 'trace', 'log', 'statistics', 'install'. */
  readonly debug: readonly string[];
  /** Through formatStatus. */
  readonly state: unknown;
}

/** Answer of sys.statistics(ref, 'get'): counts since it was switched on, wall clock times. */
export interface Statistics {
  readonly startTime: Ms;
  readonly currentTime: Ms;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Time in handlers: our stand-in for OTP's reductions. */
  readonly reductions: Ms;
}

const LOG_EVENTS = 10;
const INSPECTED_CHARS = 200;

/** A request that the caller got wrong; becomes reason { error }. */
export class SysRefusal extends Error {
  override readonly name: string;
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** Does `op` to a live cell and gives its answer. Throws SysRefusal; nothing has changed then. */
export function actOn(cell: Cell, op: string, arg: unknown): unknown {
  const extra = extraOf(cell);
  switch (op) {
    case 'getState':
      return cell.state;
    case 'replaceState':
      cell.state = callback(() => (arg as (state: unknown) => unknown)(cell.state));
      return cell.state;
    case 'getStatus':
      return statusOf(cell, extra);
    case 'suspend':
      extra.suspended = true;
      return 'ok';
    case 'resume':
      extra.suspended = false;
      return 'ok';
    case 'terminate':
      requestStop(cell, arg as Reason);
      return 'ok';
    case 'replaceBehaviour':
      replaceBehaviour(cell, extra, arg as BehaviourChange);
      return 'ok';
    default:
      return debugging(cell, extra, op, arg);
  }
}

function callback<T>(fn: () => T): T {
  try {
    return fn();
  } catch (thrown) {
    throw new SysRefusal(
      'callbackFailed',
      thrown instanceof Error ? thrown.message : String(thrown),
    );
  }
}

function statusOf(cell: Cell, extra: Extra): Status {
  const { debug } = extra;
  const on = [
    ...(debug?.trace != null ? ['trace'] : []),
    ...(debug?.log != null ? ['log'] : []),
    ...(debug?.statistics != null ? ['statistics'] : []),
    ...((debug?.installed.length ?? 0) > 0 ? ['install'] : []),
  ];
  return {
    ref: cell.ref,
    name: cell.name,
    behaviour: cell.compiled.name,
    status: extra.suspended ? 'suspended' : 'running',
    parent: cell.parent,
    debug: on,
    state: formattedState(cell),
  };
}

interface BehaviourChange {
  readonly behaviour: AnyBehaviour;
  readonly convert: ((state: unknown) => unknown) | undefined;
}

function replaceBehaviour(cell: Cell, extra: Extra, change: BehaviourChange): void {
  if (!extra.suspended) {
    throw new SysRefusal(
      'notSuspended',
      'replaceBehaviour: got a running actor, want a suspended one',
    );
  }
  const { behaviour, convert } = change;
  const compiled = compile(behaviour);
  if (convert !== undefined) cell.state = callback(() => convert(cell.state));
  cell.compiled = compiled;
}

// ---------------------------------------------------------------- trace, log, statistics, install

function debugging(cell: Cell, extra: Extra, op: string, arg: unknown): unknown {
  extra.debug ??= new Debug();
  const { debug } = extra;
  try {
    if (op === 'statistics') return statistics(extra, debug, arg);
    if (op === 'log') return log(debug, arg);
    if (op === 'trace') debug.trace = arg === 'on' ? (event) => traceEvent(cell, event) : null;
    else if (op === 'install') install(debug, arg as Installed);
    else debug.installed = debug.installed.filter(({ key }) => key !== arg);
    return 'ok';
  } finally {
    if (debug.isIdle) extra.debug = null;
  }
}

function statistics(extra: Extra, debug: Debug, flag: unknown): Statistics | 'noStatistics' | 'ok' {
  if (flag === 'get') {
    if (debug.statistics === null) return 'noStatistics';
    const { startTime, messagesIn, messagesOut, handlerMs: reductions } = debug.statistics;
    return { startTime, currentTime: rt.clock.now(), messagesIn, messagesOut, reductions };
  }
  if (flag === 'on') {
    debug.statistics = { startTime: rt.clock.now(), messagesIn: 0, messagesOut: 0, handlerMs: 0 };
    extra.isTimed = true;
  } else {
    debug.statistics = null;
    extra.isTimed = rt.timeAll;
  }
  return 'ok';
}

function log(debug: Debug, flag: unknown): readonly SystemEvent[] {
  const events = [...(debug.log ?? [])];
  if (flag === 'get') return events;
  if (flag === 'off') debug.log = null;
  else {
    debug.logMax = typeof flag === 'number' ? flag : LOG_EVENTS;
    debug.log = events.slice(-debug.logMax);
  }
  return [];
}

function install(debug: Debug, given: Installed): void {
  const others = debug.installed.filter(({ key }) => key !== given.key);
  debug.installed = [...others, { ...given }];
}

function traceEvent(cell: Cell, event: SystemEvent): void {
  report({ kind: 'trace', ref: cell.ref, actor: actorName(cell), event: textOf(event) });
}

function textOf(event: SystemEvent): string {
  if (event.kind === 'state') return `state ${inspected(event.state)}`;
  if (event.kind === 'reply') return `reply ${inspected(event.value)} to ${event.to}`;
  if (event.kind === 'in') return `in ${event.op} ${inspected(event.arg)}`;
  return `out ${event.op} ${inspected(event.arg)} to ${inspected(event.to)}`;
}

function inspected(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, INSPECTED_CHARS);
  } catch {
    // A circle or a bigint: its kind says enough for a trace.
    return String(value);
  }
}
