/**
 * Owns the verbs and topics by name, and carries verbs out: arguments checked, permission, audit record before and after, time
 * limit. Loaded when the first admin connection comes. Main thread.
 */
import type { AdminHello } from '../../gateway/admin-wire/index.ts';
import { fail } from './define.ts';
import type { AdminDeps } from './deps.ts';
import type { AdminTopic } from './topic.ts';
import { adminTopics } from './topics/all.ts';
import type { AdminCaller, AdminVerb, VerbResult } from './types.ts';
import { adminVerbs } from './verbs/all.ts';
import { describeVerb } from './verbs/describe.ts';

/** Scope that remote callers need for verbs of effect `danger`. */
export const DANGER_SCOPE = 'admin.danger';

export class AdminService {
  readonly deps: AdminDeps;
  readonly #verbs: ReadonlyMap<string, AdminVerb>;
  readonly #topics: ReadonlyMap<string, AdminTopic>;

  constructor(deps: AdminDeps) {
    this.deps = deps;
    const describe = describeVerb(
      () => this.#verbs.values(),
      () => this.#topics.values(),
    );
    this.#verbs = byName([...adminVerbs(deps), describe]);
    this.#topics = byName(adminTopics(deps));
  }

  /** What a connection that may do everything is greeted with. */
  hello(): AdminHello {
    const { nodeName, startedAt, version } = this.deps;
    return {
      v: 1,
      node: nodeName,
      version,
      pid: process.pid,
      startedAt,
      auth: false,
      deadlineMs: 0,
      verbs: [...this.#verbs.values()].map(({ name, about, effect }) => ({ name, about, effect })),
      topics: [...this.#topics.keys()],
    };
  }

  topic(name: string): AdminTopic | undefined {
    return this.#topics.get(name);
  }

  /** Carries a verb out for `caller`. Never rejects; ends at the verb's time or when `ended` says so. */
  async run(
    caller: AdminCaller,
    call: { readonly verb: string; readonly args: unknown },
    ended: AbortSignal,
    progress: (data: unknown) => void,
  ): Promise<VerbResult> {
    const { counters } = this.deps;
    counters.calls += 1;
    const result = await this.#judged(caller, call, ended, progress);
    if (!result.ok) counters.callsFailed += 1;
    return result;
  }

  async #judged(
    caller: AdminCaller,
    { args, verb: name }: { readonly verb: string; readonly args: unknown },
    ended: AbortSignal,
    progress: (data: unknown) => void,
  ): Promise<VerbResult> {
    const verb = this.#verbs.get(name);
    if (verb === undefined) return fail('unknown_verb', `there is no verb ${name}`);
    if (verb.effect === 'danger' && !mayDoDanger(caller)) {
      await this.deps.audit.record(
        { who: caller.who, verb: name, args: null },
        'failed',
        'forbidden',
      );
      return fail('forbidden', `${name} needs the scope ${DANGER_SCOPE}`);
    }
    const parsed = verb.args.safeParse(args);
    if (!parsed.success) return fail('invalid', describeIssues(parsed.error.issues));
    const run = (): Promise<VerbResult> => this.#timed(verb, parsed.data, caller, ended, progress);
    if (verb.effect === 'read') return run();
    return this.deps.audit.around({ who: caller.who, verb: name, args: parsed.data }, run);
  }

  async #timed(
    verb: AdminVerb,
    args: unknown,
    caller: AdminCaller,
    ended: AbortSignal,
    progress: (data: unknown) => void,
  ): Promise<VerbResult> {
    const { clock, counters, log } = this.deps;
    const abort = new AbortController();
    const { promise: late, resolve } = Promise.withResolvers<VerbResult>();
    const give = (result: VerbResult): void => {
      abort.abort();
      resolve(result);
    };
    const timer = clock.setTimeout(() => {
      counters.callsTimedOut += 1;
      give(fail('timeout', `${verb.name} took longer than ${verb.timeoutMs} ms`));
    }, verb.timeoutMs);
    const onEnd = (): void => give(fail('timeout', 'the connection ended'));
    ended.addEventListener('abort', onEnd);
    try {
      return await Promise.race([verb.run(args, { caller, signal: abort.signal, progress }), late]);
    } catch (error) {
      log.error({ err: error, verb: verb.name }, 'an admin verb failed');
      return fail('internal', `${verb.name} failed: see the log of the server`);
    } finally {
      clock.clearTimeout(timer);
      ended.removeEventListener('abort', onEnd);
      abort.abort();
    }
  }
}

/** What zod found, as one line. */
export function describeIssues(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  return issues
    .slice(0, 3)
    .map(({ path, message }) =>
      path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
    )
    .join('; ')
    .slice(0, 500);
}

function mayDoDanger({ scopes, via }: AdminCaller): boolean {
  return via === 'local' || scopes.includes(DANGER_SCOPE);
}

function byName<T extends { readonly name: string }>(all: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const one of all) {
    if (map.has(one.name)) throw new TypeError(`admin: two are named ${one.name}`);
    map.set(one.name, one);
  }
  return map;
}
