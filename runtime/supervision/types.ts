/**
 * Types of supervision: child specifications, supervisor flags, the protocols of the two kinds of
 * supervisor and the result unions of their administration. Types only.
 */
import type { Ms } from '../clock.ts';
import type { StartResult } from '../core/cell.ts';
import type { FailReason } from '../errors.ts';
import type { AnyRef, SpawnOptions } from '../types.ts';

/** permanent: always again; transient: after an abnormal end; temporary: never. */
export type Restart = 'permanent' | 'transient' | 'temporary';
/** Time to end after the exit signal 'shutdown' before it is killed; Infinity allowed. */
export type Shutdown = Ms | 'brutalKill';

export interface ChildOptions<P> extends SpawnOptions<P> {
  /** Default permanent. */
  readonly restart?: Restart;
  /** Default 5000 ms for a worker, Infinity for a supervisor. */
  readonly shutdown?: Shutdown;
}

/** What a supervisor knows of a child. Made by child(). */
export interface ChildSpec {
  /** Unique in its supervisor. */
  readonly id: string;
  /** Starts the child with `parent` as parent, linked to it. */
  readonly start: (parent: AnyRef) => StartResult | Promise<StartResult>;
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly type: 'worker' | 'supervisor';
  /** Name of the behaviour, for introspection. */
  readonly behaviour: string;
}

export interface RestartLimit {
  /** Restarts allowed within `period`; default 3. */
  readonly intensity?: number;
  /** Whole seconds; default 5. */
  readonly period?: number;
}

export interface SupervisorFlags extends RestartLimit {
  /**
   * What a child's restart does to its siblings: nothing; all are restarted; those started after it
   * are. Default oneForOne.
   */
  readonly strategy?: 'oneForOne' | 'oneForAll' | 'restForOne';
  /** Started in this order, one after another; shut down in reverse. */
  readonly children: readonly ChildSpec[];
}

export interface DynamicFlags extends RestartLimit {
  /** Children alive or waiting to be restarted; default no limit. */
  readonly maxChildren?: number;
}

export type StartChildResult =
  /** ref is undefined when init returned IGNORE. */
  | { readonly ok: true; readonly ref: AnyRef | undefined }
  | { readonly ok: false; readonly why: 'alreadyStarted'; readonly ref: AnyRef }
  | { readonly ok: false; readonly why: 'alreadyPresent' | 'maxChildren' }
  | { readonly ok: false; readonly why: 'error'; readonly reason: FailReason };

export type ChildIdResult<Why extends string> =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: Why };

export type RestartChildResult =
  | { readonly ok: true; readonly ref: AnyRef | undefined }
  | { readonly ok: false; readonly why: 'notFound' | 'running' | 'restarting' }
  | { readonly ok: false; readonly why: 'error'; readonly reason: FailReason };

export interface ChildInfo {
  /** '' under a dynamic supervisor. */
  readonly id: string;
  readonly ref: AnyRef | 'restarting' | undefined;
  readonly type: 'worker' | 'supervisor';
  readonly behaviour: string;
}

export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** What a supervisor understands; use the functions of supervision/admin.ts. */
export interface SupervisorP {
  startChild(spec: ChildSpec): StartChildResult;
  terminateChild(id: string): ChildIdResult<'notFound'>;
  restartChild(id: string): RestartChildResult;
  deleteChild(id: string): ChildIdResult<'notFound' | 'running' | 'restarting'>;
  getChildSpec(id: string): ChildSpec | undefined;
  whichChildren(): readonly ChildInfo[];
  countChildren(): ChildCounts;
}

/** What a dynamic supervisor understands: children have no ids, only refs. */
export interface DynamicSupervisorP {
  startDynamicChild(spec: ChildSpec): StartChildResult;
  terminateDynamicChild(ref: AnyRef): ChildIdResult<'notFound'>;
  whichChildren(): readonly ChildInfo[];
  countChildren(): ChildCounts;
}
