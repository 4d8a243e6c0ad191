/**
 * One life of one worker thread, seen from main: load, boot, orderly stop, end. No actor; slot.ts
 * puts it under supervision.
 */
import type { Worker } from 'node:worker_threads';
import type { Ms } from '../clock.ts';
import { errorInfo } from '../core/reason.ts';
import { rt } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import { DriftwayError } from '../errors.ts';
import type { RuntimeCounters } from '../inspect/types.ts';
import type { ErrorInfo, Report, TreeNode } from '../types.ts';
import type { Mesh } from './mesh.ts';
import type { PreparedThread } from './prepared.ts';
import type { FromWorker, SlotOptions, ToWorker, WorkerBoot } from './types.ts';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/** What a thread tells about itself. */
export interface ThreadEvents {
  onReport(report: Report): void;
  onInspected(id: number, tree: readonly TreeNode[], counters: RuntimeCounters): void;
  /** Something escaped every actor of a fatal slot. */
  onFatal(error: ErrorInfo): void;
}

type Phase = 'loaded' | 'booted' | 'stopped' | 'ended';

export class SlotThread {
  readonly slot: SlotOptions;
  readonly thread: number;
  readonly incarnation: number;
  /** Called once when the thread has ended, unless it was asked to stop. */
  onEnd: ((error: ErrorInfo) => void) | undefined;
  readonly #mesh: Mesh;
  readonly #events: ThreadEvents;
  readonly #worker: Worker;
  readonly #startedMs: Ms;
  readonly #reached = new Set<Phase>();
  #waiting: { phase: Phase; done: () => void; failed: (error: ErrorInfo) => void }[] = [];
  #error: ErrorInfo | undefined;
  #bootSent = false;
  #stopping = false;

  constructor(
    slot: SlotOptions,
    thread: number,
    prepared: PreparedThread,
    mesh: Mesh,
    events: ThreadEvents,
  ) {
    this.slot = slot;
    this.thread = thread;
    this.#mesh = mesh;
    this.#events = events;
    this.incarnation = mesh.nextIncarnation(thread);
    this.#startedMs = rt.clock.monotonic();
    if (prepared.isLoaded) this.#reached.add('loaded');
    this.#worker = prepared.release();
    this.#worker.on('message', (message: FromWorker) => this.#take(message));
    this.#worker.on('error', (error) => {
      this.#error ??= errorInfo(error);
    });
    this.#worker.on('exit', (code) => this.#ended(code));
    const boot: WorkerBoot = {
      topology: mesh.topology,
      shared: mesh.shared,
      thread,
      incarnation: this.incarnation,
      exportName: slot.export ?? 'boot',
      arg: slot.arg,
      fatal: slot.onDown === 'fatal',
      blocked: mesh.blocked(),
      snapshots: mesh.snapshots.of(thread),
    };
    const become: ToWorker = { kind: 'become', boot };
    this.#worker.postMessage(become);
    mesh.attach(thread, this.#worker);
  }

  get hasEnded(): boolean {
    return this.#reached.has('ended');
  }

  /** Boots the slot's module; resolves to the time since the thread was made. Rejects with DRIFT_RUNTIME_THREAD. */
  async boot(): Promise<Ms> {
    const timeoutMs = this.slot.startTimeoutMs ?? START_TIMEOUT_MS;
    await this.#wait('loaded', timeoutMs);
    this.#bootSent = true;
    this.#mesh.post(this.thread, { kind: 'boot' });
    await this.#wait('booted', timeoutMs);
    return rt.clock.monotonic() - this.#startedMs;
  }

  /** Orderly: stop hook, actors, ports; resolves when the thread has ended or is given up. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.hasEnded) return;
    this.#mesh.post(this.thread, { kind: 'stop' });
    try {
      await this.#wait('ended', this.slot.stopTimeoutMs ?? STOP_TIMEOUT_MS);
    } catch (error) {
      rt.report({
        kind: 'childFailed',
        supervisor: 'node',
        child: this.slot.name,
        phase: 'shutdown',
        reason: error instanceof Error ? error.message : String(error),
        slot: rt.slot,
        at: rt.clock.now(),
      });
      await this.end();
    }
  }

  /**
   * Ends the thread now. A fatal slot is not terminated once its boot began (native handles abort the
   * process): it is cut off, and dies with the process.
   */
  async end(): Promise<void> {
    this.#stopping = true;
    if (this.slot.onDown === 'fatal' && this.#bootSent) {
      this.#mesh.detach(this.thread);
      this.#worker.unref();
      return;
    }
    await this.#worker.terminate();
  }

  /** Terminates as a failure: onEnd follows with this error. */
  fail(error: ErrorInfo): void {
    this.#error ??= error;
    void this.#worker.terminate();
  }

  #take(message: FromWorker): void {
    if (message.kind === 'report') this.#events.onReport(message.report);
    else if (message.kind === 'name') {
      this.#mesh.learnName(this.thread, message.number, message.name);
    } else if (message.kind === 'snapshot') {
      this.#mesh.snapshots.take(this.thread, message.type, message.key, message.snapshot);
    } else if (message.kind === 'inspected') {
      this.#events.onInspected(message.id, message.tree, message.counters);
    } else if (message.kind === 'fatal') this.#events.onFatal(message.error);
    else if (message.kind === 'failed') this.#failWaiting(message.error);
    else this.#reach(message.kind);
  }

  #reach(phase: Phase): void {
    this.#reached.add(phase);
    const due = this.#waiting.filter((each) => each.phase === phase);
    this.#waiting = this.#waiting.filter((each) => each.phase !== phase);
    for (const { done } of due) done();
  }

  #failWaiting(error: ErrorInfo): void {
    const failed = this.#waiting.filter((each) => each.phase !== 'ended');
    this.#waiting = this.#waiting.filter((each) => each.phase === 'ended');
    for (const each of failed) each.failed(error);
  }

  #ended(code: number): void {
    this.#mesh.detach(this.thread);
    const error = this.#error ?? { name: 'ThreadExit', message: `thread ended with code ${code}` };
    this.#reach('ended');
    this.#failWaiting(error);
    if (!this.#stopping) this.onEnd?.(error);
  }

  #wait(phase: Phase, timeoutMs: Ms): Promise<void> {
    if (this.#reached.has(phase)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const fail = (why: string, data: Record<string, unknown>): void => {
        cancel();
        reject(
          new DriftwayError('DRIFT_RUNTIME_THREAD', `slot ${this.slot.name}: ${why}`, { data }),
        );
      };
      const cancel = after(timeoutMs, () => {
        this.#waiting = this.#waiting.filter((each) => each !== entry);
        fail(`not ${phase} within ${timeoutMs} ms`, {});
      });
      const entry = {
        phase,
        done: (): void => {
          cancel();
          resolve();
        },
        failed: (error: ErrorInfo): void =>
          fail(`${phase === 'ended' ? 'stop' : 'start'} failed: ${error.message}`, { error }),
      };
      if (this.hasEnded && this.#error !== undefined) entry.failed(this.#error);
      else if (this.hasEnded) fail('thread has ended', {});
      else this.#waiting.push(entry);
    });
  }
}
