/**
 * Topic `reports`: what the runtime reports of all threads (crashes, restarts, hung threads), the last ones first. Main thread.
 */
import { z } from 'zod';
import { formatRef, type Report } from '../../../runtime/index.ts';
import { defineTopic, done } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import { ADMIN_LIMITS } from '../limits.ts';
import type { AdminTopic } from '../topic.ts';

const KINDS_MAX = 32;

export function reportsTopic({ reports }: AdminDeps): AdminTopic {
  return defineTopic({
    name: 'reports',
    about: 'Crashes, restarts, hung threads and what else the runtime reports',
    options: z.strictObject({
      /** Kinds wanted; all but progress and trace without. */
      kinds: z.array(z.string()).max(KINDS_MAX).optional(),
      /** Earlier reports to begin with. */
      last: z.number().int().min(0).max(ADMIN_LIMITS.reportsKept).default(0),
    }),
    onSlow: 'drop',
    open: ({ kinds, last }, sink) => {
      const isWanted = ({ kind }: Report): boolean =>
        kinds === undefined ? kind !== 'progress' && kind !== 'trace' : kinds.includes(kind);
      for (const report of reports.last(last).filter(isWanted)) {
        sink.event('report', plainReport(report));
      }
      return done({
        close: reports.listen((report) => {
          if (isWanted(report)) sink.event('report', plainReport(report));
        }),
      });
    },
  });
}

/** A report as the admin socket shows it: refs as text; the crashed actor's state and last message never leave its thread. */
export function plainReport(report: Report): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = { ...report };
  for (const key of ['ref', 'caller'] as const) {
    const value = plain[key];
    if (typeof value === 'number') plain[key] = value === 0 ? null : formatRef(value as never);
  }
  // Inputs hold arguments of messages, which may be anybody's words.
  delete plain.inputs;
  return plain;
}
