/**
 * Name services: what via(id, key) names mean. A service is four functions of the user (OTP's via module),
 * asked on the thread that uses the name. This file also takes names of registries and services for actors
 * that are started with one, and gives them back when the actor ends.
 */
import { type Cell, type Holding, hold } from '../core/cell.ts';
import { reasonOf } from '../core/reason.ts';
import { threadOf } from '../core/ref.ts';
import { castTo, setServices } from '../core/send.ts';
import { setNameTaker } from '../core/spawn.ts';
import { lookup, report, rt } from '../core/thread.ts';
import type { AnyRef, Key, Name } from '../types.ts';
import { tableAt } from './table.ts';

/** What keeps names of its own kind. All four run on the thread that uses the name. */
export interface NameService {
  /** Gives the name to an actor; false when somebody has it. */
  register(key: Key, ref: AnyRef): boolean;
  /** Takes the name back; called when an actor started with it ends. */
  unregister(key: Key): void;
  /** Who has the name now; the ref may be of another thread. */
  whereis(key: Key): AnyRef | undefined;
  /** A cast to the name; default: to whereis(key), a dead letter when nobody has it. */
  send?(key: Key, op: string, arg: unknown): void;
}

const services = new Map<string, NameService>();

/**
 * Defines (or replaces) the name service `id` of this thread. Calls, monitors and stop ask `whereis`, casts
 * go through `send`, spawn through `register`. A call that fails 'noproc' at an actor of another thread asks
 * once more and follows the name if it has moved. TypeError for an empty id.
 */
export function defineNameService(id: string, service: NameService): void {
  if (id === '') throw new TypeError('defineNameService: id: got an empty string');
  services.set(id, service);
}

/** The actor that the name service `id` knows as `key`. Plain data; resolved where it is used. */
export function via<P>(id: string, key: Key): Name<P> {
  return { via: 'service', of: id, key };
}

function serviceOf(id: string): NameService {
  const service = services.get(id);
  if (service === undefined) throw new TypeError(`spawn: unknown name service: got ${id}`);
  return service;
}

function whereis(id: string, key: Key): AnyRef | undefined {
  const ref = services.get(id)?.whereis(key);
  if (ref === undefined || threadOf(ref) !== rt.thread) return ref;
  return lookup(ref) === undefined ? undefined : ref;
}

setServices({
  ref: whereis,
  cast(id, key, op, arg) {
    const service = services.get(id);
    if (service?.send !== undefined) {
      service.send(key, op, arg);
      return;
    }
    const ref = whereis(id, key);
    if (ref === undefined) rt.counters.deadLetters++;
    else castTo(ref, op, arg);
  },
});

/** The name that an actor was started with: free again when it ends. */
class HeldName implements Holding {
  readonly #service: NameService;
  readonly #name: Name<unknown>;

  constructor(service: NameService, name: Name<unknown>) {
    this.#service = service;
    this.#name = name;
  }

  ownerEnded(owner: Cell): void {
    try {
      this.#service.unregister(this.#name.key);
    } catch (thrown) {
      const actor = `name service ${this.#name.of}`;
      report({ kind: 'crash', ref: owner.ref, actor, op: 'unregister', reason: reasonOf(thrown) });
    }
  }
}

setNameTaker({
  owner: (name) => {
    if (name.via === 'service') {
      serviceOf(name.of);
      return whereis(name.of, name.key);
    }
    return tableAt(name).ref(name.key);
  },
  take(name, cell) {
    if (name.via === 'registry') return tableAt(name).register(cell, name.key, name.value).ok;
    const service = serviceOf(name.of);
    if (!service.register(name.key, cell.ref)) return false;
    hold(cell, new HeldName(service, name));
    return true;
  },
});
