/**
 * Topic `log`: lines of the server's log, of all threads, as they are written. Main thread.
 */
import { z } from 'zod';
import type { LogLines } from '../../log-tap.ts';
import { defineTopic, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import { LogFeed } from '../log-feed.ts';
import type { AdminTopic, TopicSink } from '../topic.ts';

/** pino's numbers. */
const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;
const TEXT_MAX = 128;
const THREADS_MAX = 64;

export function logTopic({ clock, counters, node, reports }: AdminDeps): AdminTopic {
  const feed = new LogFeed({ clock, reports, slots: () => node.slots().map(({ name }) => name) });
  return defineTopic({
    name: 'log',
    about:
      'Lines of the log of all threads as they are written; what a thread does not log (log.level) is not there',
    options: z.strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
      /** Names of threads; all without. */
      threads: z.array(z.string().max(TEXT_MAX)).max(THREADS_MAX).optional(),
      /** Only lines that contain it. */
      filter: z.string().max(TEXT_MAX).optional(),
    }),
    onSlow: 'drop',
    open: async ({ filter, level, threads }, sink) => {
      const least = LEVELS[level];
      const close = await feed.open({
        level: least,
        take: (batch) => {
          counters.logLinesDropped += batch.dropped;
          if (threads === undefined || threads.includes(batch.thread)) {
            hand(batch, { filter, least }, sink);
          }
        },
      });
      return done({ close });
    },
  });
}

function hand(
  { dropped, lines, thread }: LogLines,
  { filter, least }: { readonly filter: string | undefined; readonly least: number },
  sink: TopicSink,
): void {
  if (dropped > 0) sink.event('lost', { thread, count: dropped });
  for (const line of lines) {
    if (filter !== undefined && !line.includes(filter)) continue;
    const parsed = parse(line);
    if (parsed !== undefined && Number(parsed.level) >= least) sink.event('line', parsed);
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // not a line of ours
  }
}
