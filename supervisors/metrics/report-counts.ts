/**
 * Counts what the runtime reports, by kind. Main thread, where the reports of all threads arrive.
 */
import type { Report } from '../../runtime/index.ts';

/** Kinds that an alert may be about: there from the start, so that a first one is an increase. */
const KINDS = [
  'crash',
  'childFailed',
  'restartLimit',
  'entityUnavailable',
  'hung',
  'slow',
  'longHandler',
  'handlerTimeout',
  'mailboxFull',
  'laneFull',
  'undeliverable',
  'unknownMessage',
  'threadUp',
  'threadDown',
] as const satisfies readonly Report['kind'][];

/** Counts what the runtime reports; there are as many entries as kinds. */
export class ReportCounts {
  readonly #counts = new Map<string, number>(KINDS.map((kind) => [kind, 0]));

  note({ kind }: Pick<Report, 'kind'>): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  read(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
