/**
 * Owns the commands `log` and `log-level`: the server's log as it is written, and how much of it there is.
 */
import { callVerb, rowId, withAdmin } from '../ask.ts';
import { follow } from '../stream.ts';
import { moment, safe, table } from '../text.ts';
import type { CliCommand } from '../types.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** pino's numbers. */
const NAMES: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

type Line = Readonly<Record<string, unknown>>;

export const log: CliCommand = {
  options: [
    { name: 'level', kind: 'text', about: 'least level', choices: LEVELS, fallback: 'info' },
    { name: 'thread', kind: 'text', about: 'only lines of this thread' },
    { name: 'filter', kind: 'text', about: 'only lines that contain it' },
    { name: 'count', kind: 'number', about: 'ends after so many lines', min: 1 },
  ],
  more: 'Goes on until Ctrl-C. What a thread does not log (log-level) is not there.',
  examples: ['log', 'log --level warn', 'log --filter request --count 10 --json'],
  run: (context, given) =>
    withAdmin(context, (admin) => {
      const [thread, filter] = [given.text('thread'), given.text('filter')];
      return follow<Line>(context, admin, {
        topic: 'log',
        options: {
          level: given.text('level') ?? 'info',
          ...(thread === null ? {} : { threads: [thread] }),
          ...(filter === null ? {} : { filter }),
        },
        name: 'lines',
        countMax: given.number('count'),
        item: (kind, data) => (kind === 'line' ? (data as Line) : undefined),
        show: textOf,
      });
    }),
};

function textOf({ level, time, msg, slot, pid: _pid, ...more }: Line): string {
  const at = typeof time === 'number' ? new Date(time).toISOString().slice(11, 23) : '-';
  const name = NAMES[Number(level)] ?? String(level);
  const fields = Object.entries(more).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return safe(`${at} ${name.padEnd(5)} ${slot ?? ''}: ${msg ?? ''} ${fields.join(' ')}`).trimEnd();
}

export const logLevel: CliCommand = {
  args: [
    { name: 'level', about: 'least level', choices: [...LEVELS, 'silent'] },
    {
      name: 'id',
      about: 'a thread (shard-0); the whole node without',
      optional: true,
      complete: 'row',
    },
  ],
  options: [
    {
      name: 'for',
      kind: 'number',
      value: 'SECONDS',
      about: 'as configured again then',
      min: 1,
      max: 86_400,
      fallback: 900,
    },
  ],
  more: 'Recorded in the audit log.',
  examples: ['log-level debug shard-0 --for 60'],
  run: (context, given) => {
    const id = given.text('id');
    return callVerb(
      context,
      'log.level',
      (admin) => ({
        level: given.arg('level'),
        forMs: (given.number('for') ?? 900) * 1_000,
        ...(id === null ? {} : { id: rowId(admin, id) }),
      }),
      (value) => {
        const { level, until, threads } = value as {
          readonly level: string;
          readonly until: number;
          readonly threads: readonly { thread: string; before?: string; why?: string }[];
        };
        const rows = threads.map(({ thread, before, why }) => [
          thread,
          before ?? '-',
          why ?? level,
        ]);
        return `until ${moment(until, context.clock.now())} UTC\n${table(['THREAD', 'BEFORE', 'NOW'], rows)}`;
      },
    );
  },
};
