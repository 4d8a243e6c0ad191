/**
 * What sys has switched on for one actor: trace, log, statistics, debug functions. An actor without
 * any of it has no Debug.
 */
import type { Ms } from '../clock.ts';
import type { SystemEvent } from '../types.ts';

export type DebugFunction = (debugState: unknown, event: SystemEvent) => unknown;

export interface Installed {
  readonly key: unknown;
  readonly fn: DebugFunction;
  state: unknown;
}

export class Debug {
  /** Writes an event out; null while trace is off. */
  trace: ((event: SystemEvent) => void) | null = null;
  /** The last events, oldest first; null while log is off. */
  log: SystemEvent[] | null = null;
  logMax = 0;
  statistics: { startTime: Ms; messagesIn: number; messagesOut: number; handlerMs: Ms } | null =
    null;
  installed: Installed[] = [];

  event(event: SystemEvent): void {
    this.trace?.(event);
    if (this.log !== null) {
      this.log.push(event);
      if (this.log.length > this.logMax) this.log.shift();
    }
    if (this.statistics !== null) {
      if (event.kind === 'in') this.statistics.messagesIn++;
      else if (event.kind !== 'state') this.statistics.messagesOut++;
    }
    if (this.installed.length > 0) this.#tell(event);
  }

  #tell(event: SystemEvent): void {
    for (const each of [...this.installed]) {
      let next: unknown;
      try {
        next = each.fn(each.state, event);
      } catch {
        // OTP's rule: a debug function that fails is removed, the actor does not notice.
        next = 'done';
      }
      if (next === 'done') this.installed = this.installed.filter((other) => other !== each);
      else each.state = next;
    }
  }

  get isIdle(): boolean {
    return (
      this.trace === null &&
      this.log === null &&
      this.statistics === null &&
      this.installed.length === 0
    );
  }
}
