/**
 * Verbs `suspend`, `resume`, `kill`, `restart` and `passivate`: what happens to one actor with what is below it, or to a thread.
 * Carried out by the agent on the actor's thread; threads by the node. Nothing is ended that nobody starts again.
 */
import { z } from 'zod';
import { type ActorTarget, actorOf, askAgent, askFor, targetOf } from '../agent-ask.ts';
import { AGENT_LIMITS } from '../agent-limits.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';
import { rowId, span } from './args.ts';
import { Threads } from './threads.ts';

const TIMEOUT_MS = 15_000;
const RESTART_TIMEOUT_MS = 60_000;
const ASK = { timeoutMs: 10_000 } as const;
/** An orderly end of everything below a host of entities: each of them may take 5 s. */
const ASK_RESTART = { timeoutMs: 30_000 } as const;
const SUSPEND_MS = 30_000;

type OnActor = (
  id: string,
  act: (target: ActorTarget) => Promise<VerbResult<object | null>>,
) => Promise<VerbResult>;

export function steerVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const onActor: OnActor = async (id, act) => {
    const target = actorOf(deps, id);
    if (!target.ok) return target;
    const result = await act(target.value);
    return result.ok ? done({ id, ...result.value }) : result;
  };
  return [...pausing(onActor), ...ending(deps, onActor), passivate(deps, onActor)];
}

function pausing(onActor: OnActor): readonly AdminVerb[] {
  return [
    defineVerb({
      name: 'suspend',
      about: 'Stops an actor from taking messages for a time (default 30 s); its mailbox fills',
      effect: 'danger',
      args: z.strictObject({ id: rowId, forMs: span(SUSPEND_MS, AGENT_LIMITS.suspendMaxMs) }),
      timeoutMs: TIMEOUT_MS,
      run: ({ forMs, id }) =>
        onActor(id, ({ path, slot }) => askFor(askAgent(slot, 'suspend', { path, forMs }, ASK))),
    }),
    defineVerb({
      name: 'resume',
      about: 'Lets a suspended actor go on',
      effect: 'act',
      args: z.strictObject({ id: rowId }),
      timeoutMs: TIMEOUT_MS,
      run: ({ id }) =>
        onActor(id, ({ path, slot }) => askFor(askAgent(slot, 'resume', { path }, ASK))),
    }),
  ];
}

/** Of actors and of threads. */
function ending(deps: AdminDeps, onActor: OnActor): readonly AdminVerb[] {
  const threads = new Threads(deps);
  const run =
    (op: 'kill' | 'restart', options: typeof ASK | typeof ASK_RESTART) =>
    async ({ id }: { readonly id: string }): Promise<VerbResult> => {
      const target = targetOf(deps, id);
      if (!target.ok) return target;
      const { value } = target;
      if (value.kind === 'thread') return threads[op](value.slot);
      return onActor(id, ({ path, slot }) => askFor<object>(askAgent(slot, op, { path }, options)));
    };
  return [
    defineVerb({
      name: 'kill',
      about: 'Ends an actor, all below it or a thread at once, as a crash does; it starts again',
      effect: 'danger',
      args: z.strictObject({ id: rowId }),
      timeoutMs: TIMEOUT_MS,
      run: run('kill', ASK),
    }),
    defineVerb({
      name: 'restart',
      about: 'Ends an actor, a subtree or a thread in order and starts it again',
      effect: 'danger',
      args: z.strictObject({ id: rowId }),
      timeoutMs: RESTART_TIMEOUT_MS,
      run: run('restart', ASK_RESTART),
    }),
  ];
}

function passivate(deps: AdminDeps, onActor: OnActor): AdminVerb {
  return defineVerb({
    name: 'passivate',
    about: 'Ends an entity that is idle; it starts again with its next message',
    effect: 'act',
    args: z.strictObject({ id: rowId, force: z.boolean().default(false) }),
    timeoutMs: TIMEOUT_MS,
    run: async ({ force, id }) => {
      const target = actorOf(deps, id);
      if (!target.ok) return target;
      if (target.value.kind !== 'entity') return fail('invalid', `${id} is no entity`);
      return onActor(id, ({ path, slot }) =>
        askFor(askAgent(slot, 'passivate', { path, force }, ASK)),
      );
    },
  });
}
