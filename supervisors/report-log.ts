/**
 * Decides how loud each report of the runtime is in the log. Main thread.
 */
import type { Report } from '../runtime/index.ts';
import type { Logger } from './log.ts';
import { traceFields } from './request-log.ts';

const LEVELS: Readonly<Record<Report['kind'], 'debug' | 'info' | 'warn' | 'error'>> = {
  progress: 'debug',
  threadUp: 'info',
  trace: 'info',
  unknownMessage: 'warn',
  longHandler: 'warn',
  handlerTimeout: 'error',
  slow: 'warn',
  mailboxFull: 'warn',
  laneFull: 'warn',
  undeliverable: 'warn',
  childFailed: 'warn',
  crash: 'error',
  restartLimit: 'error',
  entityUnavailable: 'error',
  threadDown: 'error',
  hung: 'error',
};

/** Logs a report under its kind; reports hold no message content. */
export function logReport(logger: Logger, report: Report): void {
  const { kind, slot: thread, at: _at, trace, ...facts } = report;
  logger[LEVELS[kind]]({ thread, ...traceFields(trace), ...facts }, kind);
}
