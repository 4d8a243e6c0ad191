/**
 * Circles of calls: an actor that calls somebody who waits for it could only time out, so the call fails 'callingSelf' at once. On
 * one thread it is found by following who waits for whom; a call to another thread is preceded by the chain of those who wait
 * for it, and the thread of the callee decides, since only it knows whether the callee still waits. Bounds: 8 callers back;
 * the chains of 4096 calls from other threads, the oldest leaves and is counted: a circle through it ends by its deadline.
 */
import type { AnyRef } from '../types.ts';
import { callerMessageOf, callerOf } from './calls.ts';
import { AWAITING, type Cell, RUNNING } from './cell.ts';
import { threadOf } from './ref.ts';
import { lookup, rt } from './thread.ts';

/** Callers that a call looks back along; on this thread without bound while payloads are checked (development). */
const CALLERS_MAX = 8;
const CHAINS_MAX = 4096;

/** Who waits for a call: ref and number of the message that was being handled, in turn. */
export type CallChain = readonly number[];

/** Chains of calls from other threads, by their From. */
const chains = new Map<number, CallChain>();

/** The chain of a call that comes next on the same lane. */
export function noteChain(from: number, chain: CallChain): void {
  if (chains.size >= CHAINS_MAX) {
    const [oldest] = chains.keys();
    chains.delete(oldest as number);
    rt.counters.chainsForgotten++;
  }
  chains.set(from, chain);
}

/** The call is answered. */
export function forgetChain(from: number): void {
  if (chains.size > 0) chains.delete(from);
}

/** Chain of a call that this actor makes: itself, who waits for what it handles, and so on. */
export function chainOf(caller: Cell): CallChain {
  const chain: number[] = [];
  let cell: Cell | undefined = caller;
  let from = caller.from;
  while (cell !== undefined && chain.length < 2 * CALLERS_MAX) {
    chain.push(cell.ref, cell.messagesIn);
    cell = waiterOf(from);
    if (cell === undefined) chain.push(...(chains.get(from) ?? []));
    else from = cell.from;
  }
  return chain.slice(0, 2 * CALLERS_MAX);
}

/**
 * True when the callee, an actor of this thread, is the caller itself or waits (directly or through others) for the message that
 * the caller is handling.
 */
export function wouldWait(caller: Cell, callee: AnyRef, op: string): boolean {
  if (callee === caller.ref) return true;
  const hops = rt.payload === null ? CALLERS_MAX : Number.POSITIVE_INFINITY;
  let { from } = caller;
  for (let i = 0; i < hops && from !== 0; i++) {
    if (threadOf(from) !== rt.thread) {
      const cell = lookup(callee);
      return cell !== undefined && closesCircle(from, cell, op);
    }
    const cell = waiterOf(from);
    if (cell === undefined) return false;
    if (cell.ref === callee) return isBlocked(cell, op);
    from = cell.from;
  }
  return false;
}

/** True when a call from another thread would wait for its callee, which waits for that call in turn. */
export function closesCircle(from: number, callee: Cell, op: string): boolean {
  const chain = chains.size === 0 ? undefined : chains.get(from);
  if (chain === undefined) return false;
  for (let i = 0; i < chain.length; i += 2) {
    if (chain[i] === callee.ref) return waits(callee, chain[i + 1]) && isBlocked(callee, op);
  }
  return false;
}

/** The actor of this thread that waits for a call. One that has gone on to another message does not wait any more. */
function waiterOf(from: number): Cell | undefined {
  const cell = from === 0 ? undefined : lookup(callerOf(from));
  return cell !== undefined && waits(cell, callerMessageOf(from)) ? cell : undefined;
}

function waits(cell: Cell, message: number | undefined): boolean {
  const { status } = cell;
  return cell.messagesIn === message && (status === AWAITING || status === RUNNING);
}

function isBlocked(cell: Cell, op: string): boolean {
  return cell.compiled.concurrent?.has(op) !== true;
}
