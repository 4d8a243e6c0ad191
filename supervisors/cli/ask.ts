/**
 * Owns the ways in which commands talk to a server: one connection for the time of a piece of work, one call of a verb, and
 * what a refusal means for the exit code. Main thread of the command line.
 */
import type { VerbResult } from '../admin/types.ts';
import { done, failed, misuse } from './outcome.ts';
import type { AdminConnection, CallOptions, CliContext, CliOutcome } from './types.ts';

/** Connects, does `work`, disconnects. Ctrl-C disconnects too. */
export async function withAdmin(
  context: CliContext,
  work: (admin: AdminConnection) => Promise<CliOutcome>,
): Promise<CliOutcome> {
  const connected = await context.connect();
  if (!connected.ok) return failed(connected.code, connected.message);
  const { admin } = connected;
  const stop = () => admin.close();
  context.signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(admin);
  } finally {
    context.signal.removeEventListener('abort', stop);
    admin.close();
  }
}

type VerbArgs = Readonly<Record<string, unknown>>;

/** A whole command that is one call: `show` makes the text for people from the verb's answer. */
export function callVerb(
  context: CliContext,
  verb: string,
  args: VerbArgs | ((admin: AdminConnection) => VerbArgs),
  show: (value: unknown) => string,
  options: CallOptions = {},
): Promise<CliOutcome> {
  return withAdmin(context, async (admin) => {
    const given = typeof args === 'function' ? args(admin) : args;
    return ended(await admin.call(verb, given, options), show);
  });
}

/** A verb's answer as the end of a command. */
export function ended(result: VerbResult, show: (value: unknown) => string): CliOutcome {
  return result.ok ? done(result.value, show(result.value)) : refused(result);
}

/** A refusal as the end of a command: bad arguments are wrong use, everything else a failure. */
export function refused({
  code,
  message,
}: {
  readonly code: string;
  readonly message: string;
}): CliOutcome {
  const isMisuse = code === 'invalid' || code === 'unknown_verb';
  const text = `${message} (${code})`;
  const document = { error: { code, message } };
  return { exit: isMisuse ? 2 : 1, document, text, channel: 'stderr' };
}

/** A row's id as a person may write it: without the node's name, `.` for the node itself. */
export function rowId(admin: AdminConnection, text: string): string {
  const { node } = admin.hello;
  if (text === '.' || text === node) return node;
  return text.startsWith(`${node}/`) ? text : `${node}/${text}`;
}

/** `misuse` for a value that no option type can check. */
export function wrongValue(name: string, got: string, wanted: string): CliOutcome {
  return misuse(`--${name}: got "${got}", wanted ${wanted}; see --help`);
}
