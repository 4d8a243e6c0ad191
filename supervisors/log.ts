/**
 * Owns the server's log: JSON lines, or readable ones on a terminal, on standard output. Every thread opens its own.
 *
 * Writing never blocks a thread: a reader that has stopped (a terminal on Ctrl-S, a full pipe) would otherwise stop the
 * gateways. Lines beyond the bound are dropped and counted. Message content, passwords and tokens must not get here; known
 * fields of theirs are hidden as a second line of defence.
 */
import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino } from 'pino';
import { systemClock } from '../runtime/index.ts';
import { lineTap } from './log-tap.ts';

export type { Logger } from 'pino';

/** How a thread logs. `slot` names the thread in every line. */
export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly format: 'auto' | 'json' | 'pretty';
  readonly slot: string;
  /** File descriptor; default 1. */
  readonly fd?: number;
}

/** A thread's log. */
export interface Log {
  readonly logger: Logger;
  /** Lines that did not fit since the start, for metrics. */
  droppedCount(): number;
  /**
   * Writes what is pending, blocking: before the thread ends, and after a fatal error. Lines that the thread pool is already
   * writing arrive beside it: Node waits for them at a normal exit.
   */
  flush(): void;
  /** Resolves when no line is being written any more, or after `timeoutMs`: before the process kills itself. */
  written(timeoutMs: number): Promise<void>;
}

/** Pending bytes per thread beyond which lines are dropped: about 20,000 lines, a minute of a slow reader. A guess. */
const PENDING_BYTES_MAX = 4 * 1024 * 1024;

const HIDDEN = '[hidden]';
const SECRET_FIELDS = [
  'accessToken',
  'authorization',
  'content',
  'cookie',
  'password',
  'passwordHash',
  'privateJwk',
  'refreshToken',
  'secret',
  'token',
];

/** True when lines are to be readable: asked for, or `auto` on a terminal. */
export function isPretty(format: LogOptions['format'], fd = 1): boolean {
  return format === 'pretty' || (format === 'auto' && isatty(fd));
}

/** Opens this thread's log. */
export function openLog({ level, format, slot, fd = 1 }: LogOptions): Log {
  const file = pino.destination({ fd, sync: false, maxLength: PENDING_BYTES_MAX });
  let dropped = 0;
  file.on('drop', () => {
    dropped++;
  });
  // A closed pipe or terminal: the server goes on without its log.
  file.on('error', () => {
    dropped++;
  });
  let isWriting = false;
  file.on('drain', () => {
    isWriting = false;
  });
  const destination = isPretty(format, fd) ? prettyInto(file, fd) : file;
  const logger = pino(
    {
      level,
      base: { pid: process.pid, slot },
      redact: {
        paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: HIDDEN,
      },
    },
    tapped(destination, file, () => {
      isWriting = true;
    }),
  );
  const flush = () => {
    try {
      file.flushSync();
    } catch {
      dropped++; // the descriptor is closed or its reader is gone
    }
  };
  process.once('exit', flush);
  const written = (timeoutMs: number): Promise<void> =>
    new Promise((resolve) => {
      if (!isWriting) return resolve();
      const late = systemClock.setTimeout(resolve, timeoutMs);
      file.once('drain', () => {
        systemClock.clearTimeout(late);
        resolve();
      });
    });
  return { logger, droppedCount: () => dropped, flush, written };
}

/** Every line also goes to who reads along on the main thread (log-tap.ts). */
function tapped(
  destination: DestinationStream,
  file: { flushSync(): void },
  onWrite: () => void,
): DestinationStream {
  return {
    write(line) {
      onWrite();
      destination.write(line);
      if (lineTap.take !== null) lineTap.take(line);
    },
    // pino flushes after a fatal line.
    flushSync: () => file.flushSync(),
  } as DestinationStream;
}

function prettyInto(file: DestinationStream, fd: number): DestinationStream {
  // Loaded only here: JSON logs, the production case, do not pay for it.
  const { prettyFactory } = createRequire(import.meta.url)(
    'pino-pretty',
  ) as typeof import('pino-pretty');
  const format = prettyFactory({
    colorize: isatty(fd),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,slot',
    messageFormat: '({slot}) {msg}',
    singleLine: true,
  });
  return {
    write(line) {
      file.write(format(line));
    },
  };
}
