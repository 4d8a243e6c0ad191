/**
 * The children of a supervisor as others see them: listed, counted, and how reports call the
 * supervisor itself. Changes nothing.
 */
import { NOREPLY } from '../core/around.ts';
import { threadOf } from '../core/ref.ts';
import { lookup, report, rt } from '../core/thread.ts';
import type { AnyRef, NoReply } from '../types.ts';
import type { ChildCounts, ChildInfo, CompleteChildSpec, GetChildSpecResult } from './types.ts';

/** A child as its supervisor knows it. */
export interface Listed {
  readonly spec: CompleteChildSpec;
  /** 0 while it does not run. */
  readonly ref: AnyRef;
  readonly restarting: boolean;
}

/** How reports call a supervisor: its name if it has one. */
export function labelOf(self: AnyRef): string {
  return String(lookup(self)?.name ?? `supervisor ${self}`);
}

/** How metrics call a supervisor: its name or that of its behaviour, never its ref. */
export function groupOf(self: AnyRef): string {
  const cell = lookup(self);
  return String(cell?.name ?? cell?.compiled.name ?? 'supervisor');
}

/** A message that no supervisor understands is logged and ignored; a call of it stays unanswered. */
export function ignoreUnknown(actor: string, op: string, ref: AnyRef): NoReply {
  report({ kind: 'unknownMessage', ref, actor, op });
  return NOREPLY;
}

/** The answer of getChildSpec. */
export function specOf(found: Listed | undefined): GetChildSpecResult {
  return found === undefined ? { ok: false, why: 'notFound' } : { ok: true, spec: found.spec };
}

/** One child for whichChildren. */
export function childInfo({ spec, ref, restarting }: Listed): ChildInfo {
  const { id, type, behaviour } = spec;
  return { id, ref: restarting ? 'restarting' : ref === 0 ? undefined : ref, type, behaviour };
}

/** The four counts. A child on another thread counts as active until its end is known. O(children). */
export function countOf(children: Iterable<Listed>): ChildCounts {
  let [specs, active, supervisors] = [0, 0, 0];
  for (const { spec, ref, restarting } of children) {
    specs++;
    if (!restarting && isActive(ref)) active++;
    if (spec.type === 'supervisor') supervisors++;
  }
  return { specs, active, supervisors, workers: specs - supervisors };
}

function isActive(ref: AnyRef): boolean {
  return ref !== 0 && (threadOf(ref) !== rt.thread || lookup(ref) !== undefined);
}
