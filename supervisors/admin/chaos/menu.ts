/**
 * The menu as operators read it. Plain data.
 */
import { CHAOS_GROUPS, CHAOS_LIMITS } from './limits.ts';
import { CHAOS_ITEMS, type ChaosItem } from './types.ts';

/** One line of the menu. */
export interface ChaosMenuLine {
  readonly item: ChaosItem;
  readonly about: string;
  /** What `id` names. */
  readonly target: 'actor' | 'thread' | 'two threads' | 'nothing';
  /** Kinds of threads that it strikes; none: not available. */
  readonly threads: readonly string[];
  /** Arguments of its own. */
  readonly args: readonly string[];
  /** 0: over as soon as it has happened. */
  readonly forMsMax: number;
}

const ABOUT: Readonly<Record<ChaosItem, readonly [string, ChaosMenuLine['target'], string[]]>> = {
  'kill-actor': ['end an actor as a crash would', 'actor', []],
  'kill-thread': ['end a thread as a crash would; it is replaced', 'thread', []],
  'delay-mailbox': [
    'every message to an actor waits for delayMs, in order',
    'actor',
    ['forMs', 'delayMs'],
  ],
  'drop-mailbox': [
    'a share of the messages to an actor is lost; it begins anew afterwards',
    'actor',
    ['forMs', 'share'],
  ],
  'stall-thread': [
    'a thread does nothing at all; beyond 5 s the watchdog replaces it',
    'thread',
    ['forMs'],
  ],
  'freeze-store': [
    'no commit returns, as on a disk that hangs; beyond 5 s the store thread is replaced',
    'nothing',
    ['forMs'],
  ],
  'fill-disk': [
    'the disk quota is used up: SQLite finds no room for any transaction',
    'nothing',
    ['forMs'],
  ],
  'cut-lane': [
    'cut the bus: the lane between two threads. hold: nothing passes, nothing is lost; break: each takes the other for dead',
    'two threads',
    ['to', 'mode', 'forMs'],
  ],
  'kill-media': ['end the busiest media worker; the spare takes its rooms', 'nothing', []],
};

/** All items, in their order. */
export function chaosMenu(): readonly ChaosMenuLine[] {
  return CHAOS_ITEMS.map((item) => {
    const [about, target, args] = ABOUT[item];
    const forMsMax = args.includes('forMs') ? CHAOS_LIMITS.forMsMax : 0;
    return { item, about, target, threads: CHAOS_GROUPS[item], args, forMsMax };
  });
}
