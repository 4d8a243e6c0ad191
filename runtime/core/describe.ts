/**
 * Reports as one line of text. Holds no message content. Pure; any thread.
 */
import type { Report } from '../types.ts';

/** One line for a log or a terminal. Any thread; pure. */
export function describeReport(report: Report): string {
  const { kind, slot, at: _at, ...rest } = report;
  return `[${slot}] ${kind} ${JSON.stringify(rest)}`;
}
