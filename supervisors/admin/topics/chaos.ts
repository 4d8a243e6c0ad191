/**
 * Topic `chaos`: phases and results of what is broken on purpose, the present state first. Main thread.
 */
import { z } from 'zod';
import { chaosOf } from '../chaos/chaos.ts';
import { defineTopic, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminTopic } from '../topic.ts';

export function chaosTopic(deps: AdminDeps): AdminTopic {
  const chaos = chaosOf(deps);
  return defineTopic({
    name: 'chaos',
    about: 'What is broken on purpose: phases and results',
    options: z.strictObject({}),
    onSlow: 'drop',
    open: (_options, sink) => {
      sink.event('status', chaos.status());
      return done({ close: chaos.listen(({ data, kind }) => void sink.event(kind, data)) });
    },
  });
}
