/**
 * Starting an actor on another thread. A behaviour is functions and does not cross, so the thread must have it already
 * (hostActor); its name, the argument and the options cross. An actor there starts it, made with the first request.
 */
import type { Ms } from '../clock.ts';
import type { AnyRef, Behaviour, Ctx, Key, SpawnOptions } from '../types.ts';
import { NOREPLY } from './around.ts';
import { failFrom } from './calls.ts';
import type { AnyBehaviour, StartResult } from './cell.ts';
import { isThenable, undeferCall } from './life.ts';
import { askPlace, serveOnDemand } from './on-demand.ts';
import { errorInfo } from './reason.ts';
import { replyTo, targetOf } from './send.ts';
import { linkCell, watch } from './signals.ts';
import { setSpawnAway, startActor } from './spawn.ts';
import { lookup, rt } from './thread.ts';

/** Meaning of names on a thread, as in core/send.ts; no type of entity looks like it. */
const PLACE = '%spawn';

/** What this thread starts for others, by name: what modules declare, so it needs no bound. */
const hosted = new Map<string, AnyBehaviour>();

/**
 * Lets other threads start actors of this behaviour here, by `spawn(behaviour, arg, { at: slot })`. Call it where the thread
 * boots; once more with the same behaviour does nothing. TypeError for a behaviour without a name, or a name that another has.
 */
export function hostActor<P, S, A>(behaviour: Behaviour<P, S, A>): void {
  const own = behaviour as unknown as AnyBehaviour;
  const { name } = own;
  if (name === undefined) throw new TypeError('hostActor: got a behaviour without a name');
  const known = hosted.get(name);
  if (known !== undefined && known !== own) {
    throw new TypeError(`hostActor: ${name}: got a second behaviour of this name`);
  }
  hosted.set(name, own);
}

interface Order {
  readonly behaviour: string;
  readonly arg: unknown;
  readonly key: Key | undefined;
  readonly initTimeoutMs: Ms | undefined;
}

/** As spawnAny, on the thread of `options.at`. */
async function spawnAway(
  behaviour: AnyBehaviour,
  arg: unknown,
  options: SpawnOptions<unknown>,
  parent: AnyRef,
  link: boolean,
): Promise<AnyRef> {
  const { at = '', initTimeoutMs, name } = options;
  if (name !== undefined && name.via !== 'name') {
    throw new TypeError(`spawn: name: got one made by ${name.via}(), want name(key) with at`);
  }
  if (behaviour.name === undefined) throw new TypeError('spawn: at: want a behaviour with a name');
  const order: Order = { behaviour: behaviour.name, arg, key: name?.key, initTimeoutMs };
  const ref = (await ask(at, order)) as AnyRef;
  const starter = lookup(parent);
  if (starter === undefined) return ref;
  if (link) linkCell(starter, ref);
  if (options.monitor === true) watch(targetOf(ref), starter, null);
  return ref;
}

function ask(slot: string, order: Order): Promise<unknown> {
  const thread = rt.remote === null ? -1 : rt.remote.slotThread(slot);
  const { behaviour } = order;
  return askPlace(thread, PLACE, 'start', order, Number.POSITIVE_INFINITY, `spawn ${behaviour}`);
}

const server: AnyBehaviour = {
  name: 'spawner',
  init: () => null,
  handle: {
    start(_state: unknown, order: Order, { from }: Ctx<unknown>) {
      if (from === undefined) return undefined;
      const answer = (result: StartResult): void => {
        if (result.ok) replyTo(from, result.ref);
        else {
          undeferCall(from);
          failFrom(from, result.reason);
        }
      };
      const result = started(order);
      if (isThenable(result)) void result.then(answer);
      else answer(result);
      return NOREPLY;
    },
  },
};

function started({
  arg,
  behaviour,
  initTimeoutMs,
  key,
}: Order): StartResult | Promise<StartResult> {
  const own = hosted.get(behaviour);
  if (own === undefined) {
    const error = errorInfo(new TypeError(`${behaviour}: not hosted on ${rt.slot} (hostActor)`));
    return { ok: false, reason: { error } };
  }
  const name = key === undefined ? undefined : ({ via: 'name', of: '', key } as const);
  return startActor(own, arg, { name, initTimeoutMs }).result;
}

serveOnDemand(PLACE, server);
setSpawnAway(spawnAway);
