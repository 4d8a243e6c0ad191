/**
 * Topic `rates`: what the node does per second, in sum and by thread. Main thread; asks the threads only while somebody reads.
 */
import { z } from 'zod';
import { createRates } from '../../metrics/rates.ts';
import { defineTopic, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { AdminTopic } from '../topic.ts';

const EVERY_MS = { min: 1_000, max: 60_000, default: 1_000 } as const;

export function ratesTopic({ clock, node }: AdminDeps): AdminTopic {
  return defineTopic({
    name: 'rates',
    about:
      'Frames, requests, deliveries, commits and actor messages per second, CPU and memory, by thread',
    options: z.strictObject({
      everyMs: z.number().int().min(EVERY_MS.min).max(EVERY_MS.max).default(EVERY_MS.default),
    }),
    onSlow: 'drop',
    open: ({ everyMs }, sink) => {
      const rates = createRates({ clock, slots: () => node.slots() });
      let isOpen = true;
      let timer: ReturnType<typeof clock.setTimeout>;
      // One after another: a thread that hangs makes an interval longer, it does not make calls pile up.
      const round = async (): Promise<void> => {
        const event = await rates.next();
        if (!isOpen) return;
        sink.event('rates', event);
        timer = clock.setTimeout(() => void round(), everyMs);
      };
      timer = clock.setTimeout(() => void round(), 0);
      return done({
        close: () => {
          isOpen = false;
          clock.clearTimeout(timer);
        },
      });
    },
  });
}
