/**
 * Verb `drain`: a shard thread ends its entities in order and starts again, or the node sends its clients away and stops, as on
 * SIGTERM.
 */
import { z } from 'zod';
import { targetOf } from '../agent-ask.ts';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminVerb } from '../types.ts';
import { rowId } from './args.ts';
import { Threads } from './threads.ts';

const TIMEOUT_MS = 60_000;
/** The caller's answer leaves before its connection does. */
const LEAVE_AFTER_MS = 100;

export function drainVerbs(deps: AdminDeps): readonly AdminVerb[] {
  const threads = new Threads(deps);
  return [
    defineVerb({
      name: 'drain',
      about: 'A shard: its entities end in order and start again. The node: stops in order',
      effect: 'danger',
      args: z.strictObject({ id: rowId }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ id }, { caller }) => {
        const target = targetOf(deps, id);
        if (!target.ok) return target;
        const { value } = target;
        if (value.kind === 'node') {
          const { clock, config, leave } = deps;
          clock.setTimeout(() => leave(`drained by ${caller.who}`), LEAVE_AFTER_MS);
          return done({ id, stopsWithinMs: config.stopTimeoutMs });
        }
        const slot = value.kind === 'thread' ? value.slot : '';
        const found = deps.node
          .slots()
          .find(({ group, name }) => name === slot && group === 'shard');
        if (found === undefined) return fail('invalid', `${id} is neither a shard nor the node`);
        return threads.restart(slot);
      },
    }),
  ];
}
