/**
 * Topic `audit`: acts of operators as they are recorded. Main thread.
 */
import { z } from 'zod';
import { defineTopic, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminTopic } from '../topic.ts';

export function auditTopic({ audit }: AdminDeps): AdminTopic {
  return defineTopic({
    name: 'audit',
    about: 'Acts of operators as they are recorded',
    options: z.strictObject({}),
    onSlow: 'drop',
    open: (_options, sink) =>
      done({
        close: audit.listen((entry) => {
          sink.event('entry', entry);
        }),
      }),
  });
}
