/**
 * What a wish for chaos comes down to: which thread, which actor, for how long; or why it cannot be had. Pure.
 */
import type { SlotStatus } from '../../../runtime/index.ts';
import { HUNG_MS } from '../../policies.ts';
import { VOICE_SLOT } from '../../voice/types.ts';
import { done, fail } from '../define.ts';
import type { VerbResult } from '../types.ts';
import { CHAOS_GROUPS, CHAOS_LIMITS } from './limits.ts';
import type { ChaosItem, ChaosOrder, ChaosStart, CutMode } from './types.ts';

/** A fault that can be put in. */
export interface ChaosPlan {
  readonly item: ChaosItem;
  readonly slot: string;
  /** Of the actor on its thread. */
  readonly path: string | undefined;
  /** cut-lane: the other end. */
  readonly to: string | undefined;
  readonly mode: CutMode;
  /** 0: over as soon as it has happened. */
  readonly forMs: number;
  /** What the agent of `slot` is told; undefined: it is done from main, or by a kill. */
  readonly order: ChaosOrder | undefined;
  /** Threads that may go down by it. Any other is a reason to end it. */
  readonly mayFall: readonly string[];
  /** It concerns everybody who writes. */
  readonly isStoreWide: boolean;
}

const STORE = 'store';
const WITH_ACTOR: ReadonlySet<ChaosItem> = new Set(['kill-actor', 'delay-mailbox', 'drop-mailbox']);
const OF_STORE: ReadonlySet<ChaosItem> = new Set(['freeze-store', 'fill-disk']);
const MAY_HANG: ReadonlySet<ChaosItem> = new Set(['stall-thread', 'freeze-store']);
/** The watchdog may be late or early by its own interval. */
const BUSY_MS = HUNG_MS - 1_000;
const AT_ONCE: ReadonlySet<ChaosItem> = new Set(['kill-actor', 'kill-thread', 'kill-media']);
/** What is meant where no row is named. */
const WITHOUT_ID: Readonly<Partial<Record<ChaosItem, string>>> = {
  'freeze-store': STORE,
  'fill-disk': STORE,
  'kill-media': VOICE_SLOT,
};

/** The plan, or the reason against it. `slots` as NodeHandle gives them. */
export function planOf(
  start: ChaosStart,
  nodeName: string,
  slots: readonly SlotStatus[],
): VerbResult<ChaosPlan> {
  const { item } = start;
  const id = start.id ?? WITHOUT_ID[item];
  if (id === undefined) return fail('invalid', `${item} wants the id of a row`);
  const { path, slot } = placeOf(id, nodeName);
  if (WITH_ACTOR.has(item) && path === undefined) {
    return fail('invalid', `${item} wants the id of an actor: got ${id}`);
  }
  if (!WITH_ACTOR.has(item) && path !== undefined) {
    return fail('invalid', `${item} wants the id of a thread: got ${id}`);
  }
  const wrong = faultOfSlot(item, slot, slots);
  if (wrong !== undefined) return wrong;
  const to = item === 'cut-lane' ? otherEnd(start, nodeName, slot, slots) : done(undefined);
  if (!to.ok) return to;
  const forMs = AT_ONCE.has(item) ? 0 : start.forMs;
  const most = CHAOS_LIMITS.gatewayStallMsMax;
  if (item === 'stall-thread' && groupOf(slot, slots) === 'gateway' && forMs > most) {
    return fail('forbidden', `a gateway may stall for ${most} ms at most: it cannot be replaced`);
  }
  return done({
    item,
    slot,
    path,
    to: to.value,
    mode: start.mode,
    forMs,
    order: orderOf(start, path, to.value),
    mayFall: item === 'kill-thread' || (MAY_HANG.has(item) && forMs > BUSY_MS) ? [slot] : [],
    isStoreWide: OF_STORE.has(item),
  });
}

/** `n1/shard-0/stream/7` as thread and path; the node's name may be missing. */
function placeOf(id: string, nodeName: string): { slot: string; path: string | undefined } {
  const inside = id.startsWith(`${nodeName}/`) ? id.slice(nodeName.length + 1) : id;
  const slash = inside.indexOf('/');
  if (slash < 0) return { slot: inside, path: undefined };
  return { slot: inside.slice(0, slash), path: inside.slice(slash + 1) };
}

function groupOf(slot: string, slots: readonly SlotStatus[]): string | undefined {
  return slots.find(({ name }) => name === slot)?.group;
}

function faultOfSlot(
  item: ChaosItem,
  slot: string,
  slots: readonly SlotStatus[],
): VerbResult<never> | undefined {
  const found = slots.find(({ name }) => name === slot);
  if (found === undefined) {
    return slot === 'main'
      ? fail('forbidden', 'the main thread is no target: it holds the way to end a fault')
      : slot === VOICE_SLOT
        ? fail('not_available', 'nobody is in a voice channel: there is no media worker now')
        : fail('not_found', `there is no thread ${slot}`);
  }
  if (!CHAOS_GROUPS[item].includes(found.group)) {
    return fail('forbidden', `${item} strikes ${CHAOS_GROUPS[item].join(', ')}: got ${slot}`);
  }
  return found.up ? undefined : fail('conflict', `${slot} is down`);
}

function otherEnd(
  { to }: ChaosStart,
  nodeName: string,
  slot: string,
  slots: readonly SlotStatus[],
): VerbResult<string> {
  if (to === undefined) return fail('invalid', 'cut-lane wants the id of the other thread as `to`');
  const other = placeOf(to, nodeName);
  if (other.path !== undefined || other.slot === slot) {
    return fail('invalid', `cut-lane wants two threads: got ${slot} and ${to}`);
  }
  return faultOfSlot('cut-lane', other.slot, slots) ?? done(other.slot);
}

function orderOf(
  start: ChaosStart,
  path: string | undefined,
  to: string | undefined,
): ChaosOrder | undefined {
  const { delayMs, item, mode, share } = start;
  if (item === 'delay-mailbox' && path !== undefined) {
    return { effect: 'mailbox', path, delayMs, share: 0 };
  }
  if (item === 'drop-mailbox' && path !== undefined) {
    return { effect: 'mailbox', path, delayMs: 0, share };
  }
  if (item === 'stall-thread') return { effect: 'stall' };
  if (item === 'freeze-store') return { effect: 'freeze' };
  if (item === 'fill-disk') return { effect: 'full' };
  if (item === 'cut-lane' && mode === 'hold' && to !== undefined) return { effect: 'hold', to };
  return undefined;
}
