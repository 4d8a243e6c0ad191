/**
 * Owns the commands `trace message` and `trace sample`: where one message went, and how many are followed that way.
 */
import type { MessagePath } from '../../tracing/message-path.ts';
import { callVerb, wrongValue } from '../ask.ts';
import { safe, table } from '../text.ts';
import type { CliCommand } from '../types.ts';

export const traceMessage: CliCommand = {
  args: [
    { name: 'channel', about: 'id of the channel (sid)' },
    { name: 'seq', about: 'number of the message in it' },
  ],
  options: [{ name: 'spans', kind: 'flag', about: 'print every span of its trace too' }],
  more: 'Only sampled messages are followed: OTEL_TRACES_SAMPLER, or `driftway trace sample`. The newest 10,000 spans are kept.',
  examples: ['trace message 187236450304 42', 'trace message 187236450304 42 --spans'],
  run: (context, given) => {
    const args = { sid: given.arg('channel'), seq: given.arg('seq') };
    const isLong = given.flag('spans');
    return callVerb(context, 'trace.message', args, (value) => {
      const path = value as MessagePath;
      return isLong ? `${story(path)}\n\n${spanTable(path)}` : story(path);
    });
  },
};

export const traceSample: CliCommand = {
  args: [{ name: 'ratio', about: 'share of requests, 0 to 1' }],
  options: [
    {
      name: 'for',
      kind: 'number',
      value: 'SECONDS',
      about: 'what the configuration says counts again then',
      min: 1,
      max: 3600,
      fallback: 60,
    },
  ],
  examples: ['trace sample 1 --for 30', 'trace sample 0.01 --for 3600'],
  run: async (context, given) => {
    const ratio = Number(given.arg('ratio'));
    if (!(ratio >= 0 && ratio <= 1)) return wrongValue('ratio', given.arg('ratio'), '0 to 1');
    const forS = given.number('for') ?? 60;
    return callVerb(context, 'trace.sample', { ratio, forMs: forS * 1000 }, () => {
      return `${ratio * 100} % of requests are traced for ${forS} s`;
    });
  },
};

function story(path: MessagePath): string {
  const { accepted, fannedOut, ordered, slowest, sockets, stored, threads } = path;
  const lines = [`message ${path.seq} of channel ${path.sid}, trace ${path.traceId}`];
  if (accepted !== null) {
    const { at, request, thread, tookMs } = accepted;
    lines.push(`accepted   ${clock(at)} ${thread}: ${safe(request)}, answered after ${ms(tookMs)}`);
  }
  if (ordered !== null) {
    lines.push(
      `ordered    ${after(ordered.afterMs)} ${ordered.thread}, waited ${ms(ordered.waitedMs)}`,
    );
  }
  if (stored !== null) {
    const { together, transactionMs } = stored;
    const others = together === null ? '' : ` with ${many(together, 'change')}`;
    const how = transactionMs === null ? '' : `, transaction ${ms(transactionMs)}${others}`;
    lines.push(`stored     ${after(stored.afterMs)} ${stored.thread}${how}`);
  }
  for (const { afterMs, sockets: count, thread } of fannedOut) {
    lines.push(`fanned out ${after(afterMs)} ${thread}: ${many(count, 'socket')}`);
  }
  lines.push(
    slowest === null
      ? 'no sockets were subscribed, or the fan-out is not kept'
      : `${many(sockets, 'socket')} on ${many(threads, 'thread')}, slowest ${slowest.thread} after ${ms(slowest.afterMs)}`,
  );
  return lines.join('\n');
}

function spanTable({ spans }: MessagePath): string {
  const rows = spans.map(({ afterMs, error, name, thread, tookMs }) => {
    return [after(afterMs), ms(tookMs), thread, safe(name), error];
  });
  return table(['START', 'TOOK', 'THREAD', 'SPAN', 'ERROR'], rows);
}

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

/** A span of a group of requests may begin before the one that is asked for. */
function after(value: number): string {
  return `${value < 0 ? '' : '+'}${ms(value)}`;
}

function many(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
