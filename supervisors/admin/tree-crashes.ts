/**
 * What the reports of the runtime say about rows of the tree: last crash and restarts of actors, threads that are down or hung.
 * Kept also while nobody looks, so that who looks afterwards sees it. Main thread.
 */
import { describeReason, type Report } from '../../runtime/index.ts';
import type { LastCrash } from './types.ts';

/** Actors whose last crash is kept; the one that crashed longest ago is forgotten. */
const CRASHES_MAX = 4096;
/** Longest text of a reason. */
const REASON_CHARS = 300;

export interface CrashNote {
  readonly last: LastCrash;
  /** Crashes since the start of the process. */
  readonly count: number;
}

/** What is known of a thread beside its being up. */
export interface ThreadNote {
  readonly state: 'running' | 'down' | 'hung';
  readonly last: LastCrash | null;
  /** Crashes of its actors. */
  readonly actorCrashes: number;
}

const UNKNOWN: ThreadNote = { state: 'running', last: null, actorCrashes: 0 };

export class CrashLog {
  readonly #crashes = new Map<string, CrashNote>();
  /** Crashes of all entities of a type on a slot; as many as there are types. */
  readonly #ofType = new Map<string, number>();
  readonly #threads = new Map<string, ThreadNote>();
  /** Rises with each note. */
  version = 0;
  /** At the bound. */
  forgotten = 0;

  get size(): number {
    return this.#crashes.size;
  }

  /** Of the actor with a path (runtime: actorPath) on a slot. */
  of(slot: string, path: string): CrashNote | undefined {
    return this.#crashes.get(`${slot}/${path}`);
  }

  /** Crashes of all entities of a type on a slot. */
  ofType(slot: string, type: string): number {
    return this.#ofType.get(`${slot}/${type}`) ?? 0;
  }

  thread(slot: string): ThreadNote {
    return this.#threads.get(slot) ?? UNKNOWN;
  }

  take(report: Report): void {
    switch (report.kind) {
      case 'crash':
        this.#crashed(report.slot, pathOfActor(report.actor), report, report.op);
        break;
      case 'childFailed':
        // A crash has been reported by itself; an end by force has not.
        if (report.phase === 'exit' && report.reason === 'killed') {
          this.#crashed(report.slot, pathOfChild(report.supervisor, report.child), report, null);
        }
        break;
      case 'hung':
        this.#note(report.thread, { state: 'hung' });
        break;
      case 'threadDown': {
        const last = { at: report.at, reason: textOf(report.reason), op: null };
        this.#note(report.thread, { state: 'down', last });
        break;
      }
      case 'threadUp':
        this.#note(report.thread, { state: 'running' });
        break;
      default:
    }
  }

  #crashed(
    slot: string,
    path: string,
    { at, reason }: { readonly at: number; readonly reason: unknown },
    op: string | null,
  ): void {
    const id = `${slot}/${path}`;
    const count = (this.#crashes.get(id)?.count ?? 0) + 1;
    this.#crashes.delete(id);
    this.#crashes.set(id, { last: { at, reason: textOf(reason), op }, count });
    if (this.#crashes.size > CRASHES_MAX) {
      this.#crashes.delete(this.#crashes.keys().next().value as string);
      this.forgotten++;
    }
    const [type, key] = path.split('/');
    if (type !== undefined && key !== undefined) {
      this.#ofType.set(`${slot}/${type}`, this.ofType(slot, type) + 1);
    }
    const { actorCrashes } = this.thread(slot);
    this.#note(slot, { actorCrashes: actorCrashes + 1 });
  }

  #note(slot: string, more: Partial<ThreadNote>): void {
    this.#threads.set(slot, { ...this.thread(slot), ...more });
    this.version++;
  }
}

/** `stream:4711`, `behaviour(name)` or `behaviour`, as reports call actors; the last has no path of its own. */
function pathOfActor(actor: string): string {
  const entity = /^([^():]+):(\d+)$/.exec(actor);
  if (entity !== null) return `${entity[1]}/${entity[2]}`;
  const named = /^[^(]*\((.*)\)$/.exec(actor);
  return encodeURIComponent(named === null ? actor : (named[1] as string));
}

/** Entities are told by their type and key; other children mostly have their id for a name. */
function pathOfChild(supervisor: string, child: string): string {
  return /^\d+$/.test(child) ? `${supervisor}/${child}` : encodeURIComponent(child);
}

function textOf(reason: unknown): string {
  const text = typeof reason === 'object' && reason !== null ? describe(reason) : String(reason);
  return text.length > REASON_CHARS ? `${text.slice(0, REASON_CHARS)}…` : text;
}

function describe(reason: object): string {
  const { message } = reason as { readonly message?: unknown };
  return typeof message === 'string' ? message : describeReason(reason as never);
}
