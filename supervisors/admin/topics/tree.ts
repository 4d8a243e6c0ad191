/**
 * Topic `tree`: the live tree of the node, a snapshot and then what changes. Main thread.
 */
import { z } from 'zod';
import { defineTopic } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminTopic } from '../topic.ts';
import type { TreeOptions } from '../types.ts';

export function treeTopic({ tree }: AdminDeps): AdminTopic {
  return defineTopic<TreeOptions>({
    name: 'tree',
    about: 'The live tree: threads, supervisors, guilds, channels, sessions, with their figures',
    // Ranges are the model's (tree-model.ts), which names what is out of them.
    options: z.strictObject({
      root: z.string().optional(),
      depth: z.number().optional(),
      everyMs: z.number().optional(),
      limit: z.number().optional(),
      sort: z.enum(['name', 'mailbox', 'rate', 'restarts', 'memory']).optional(),
      filter: z.string().optional(),
    }) as z.ZodType<TreeOptions>,
    onSlow: 'resync',
    open: (options, sink) =>
      tree.subscribe(options, { send: ({ kind, data }) => sink.event(kind, data) }),
  });
}
