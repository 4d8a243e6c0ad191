/**
 * Verbs `inspect` and `inspect.raw`: a node, a thread, or one actor with its state. The agent on the actor's thread looks at it
 * without a message, so that one that hangs in a wait, is suspended or flooded can be looked at too.
 */
import { z } from 'zod';
import { actorOf, askAgent, askFor, targetOf } from '../agent-ask.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb, VerbResult } from '../types.ts';
import { rowId } from './args.ts';

const TIMEOUT_MS = 3_000;
const ASK = { timeoutMs: 2_500 } as const;

export function inspectVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const inspect = async (id: string): Promise<VerbResult> => {
    const target = targetOf(deps, id);
    if (!target.ok) return target;
    const row = target.value;
    if (row.kind === 'node') return done({ id, threads: deps.node.slots() });
    if (row.kind === 'thread') {
      const seen = await askAgent(row.slot, 'inspectThread', undefined, ASK);
      const [slot] = deps.node.slots().filter(({ name }) => name === row.slot);
      return seen.ok ? done({ id, slot, ...seen.value }) : seen;
    }
    if (!('path' in row)) return fail('invalid', `${id} is no actor but a ${row.kind}`);
    return look(row.slot, row.path, id, false);
  };
  const look = async (
    slot: string,
    path: string,
    id: string,
    raw: boolean,
  ): Promise<VerbResult> => {
    const seen = await askFor(askAgent(slot, 'inspect', { path, raw }, ASK));
    return seen.ok ? done({ id, thread: slot, ...seen.value }) : seen;
  };
  return [
    defineVerb({
      name: 'inspect',
      about: 'A node, a thread or an actor: its facts, and its state without content',
      effect: 'read',
      args: z.strictObject({ id: rowId }),
      timeoutMs: TIMEOUT_MS,
      run: ({ id }) => inspect(id),
    }),
    defineVerb({
      name: 'inspect.raw',
      about: 'An actor and its state as it is, cut at a size: may show what people wrote',
      effect: 'danger',
      args: z.strictObject({ id: rowId }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ id }) => {
        const target = actorOf(deps, id);
        return target.ok ? look(target.value.slot, target.value.path, id, true) : target;
      },
    }),
  ];
}
