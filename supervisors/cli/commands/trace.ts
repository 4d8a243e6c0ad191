/**
 * Owns the command `trace`: the messages of one actor as they come, for a time.
 */
import type { TraceEvent } from '../../admin/agent-types.ts';
import { refused, rowId, withAdmin } from '../ask.ts';
import { streamed } from '../outcome.ts';
import { ListOutput } from '../stream.ts';
import { safe } from '../text.ts';
import type { CliCommand } from '../types.ts';

export const trace: CliCommand = {
  args: [{ name: 'id', about: 'actor, as the tree shows it', complete: 'row' }],
  options: [
    {
      name: 'for',
      kind: 'number',
      value: 'SECONDS',
      about: 'ends by itself then',
      min: 1,
      max: 600,
      fallback: 30,
    },
    {
      name: 'sample',
      kind: 'number',
      about: 'show one of N messages, with all that comes of it',
      min: 1,
      max: 1_000_000,
      fallback: 1,
    },
    {
      name: 'events',
      kind: 'number',
      about: 'ends after so many lines',
      min: 1,
      max: 10_000,
      fallback: 500,
    },
    {
      name: 'raw',
      kind: 'flag',
      about: 'with content, which may be what people write; recorded in the audit log',
    },
  ],
  more: '> taken, < answered, - sent, = done with its time. Ctrl-C ends it.',
  examples: ['trace shard-0/stream/4711', 'trace gateway-0/fan-out --sample 100 --for 60'],
  run: (context, given) =>
    withAdmin(context, async (admin) => {
      const output = new ListOutput<TraceEvent>(context, 'events', line);
      const verb = given.flag('raw') ? 'trace.raw' : 'trace';
      const args = {
        id: rowId(admin, given.arg('id')),
        forMs: (given.number('for') ?? 30) * 1_000,
        sample: given.number('sample') ?? 1,
        events: given.number('events') ?? 500,
      };
      const onProgress = (data: unknown): void => {
        for (const event of (data as { readonly events: readonly TraceEvent[] }).events)
          output.item(event);
      };
      const result = await admin.call(verb, args, { onProgress });
      if (result.ok) {
        const { seen, sampled, dropped, ended } = result.value as Readonly<Record<string, unknown>>;
        output.end({ summary: result.value });
        context.note(`ended (${ended}): ${seen} messages, ${sampled} shown, ${dropped} lines lost`);
        return streamed();
      }
      if (context.signal.aborted) {
        output.end();
        return streamed();
      }
      const { code, message } = result;
      output.end({ error: { code, message } });
      return { ...refused(result), document: undefined };
    }),
};

const MARKS: Readonly<Record<TraceEvent['kind'], string>> = {
  in: '>',
  out: '-',
  reply: '<',
  done: '=',
};

function line({ at, kind, op, call, arg, to, ms }: TraceEvent): string {
  const time = new Date(at).toISOString().slice(11, 23);
  const parts = [time, MARKS[kind], safe(op)];
  if (call === true) parts.push('(call)');
  if (to !== undefined) parts.push(`to ${safe(to)}`);
  if (ms !== undefined) parts.push(`${ms.toFixed(2)} ms`);
  if (arg !== undefined) parts.push(safe(JSON.stringify(arg)));
  return parts.join(' ');
}
