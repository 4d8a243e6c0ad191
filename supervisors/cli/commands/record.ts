/**
 * Owns the commands `record start`, `record stop` and `record list`: everything that goes into a channel and comes out of it.
 */
import { callVerb, rowId } from '../ask.ts';
import { outline } from '../outline.ts';
import { moment } from '../text.ts';
import type { CliCommand } from '../types.ts';

export const recordStart: CliCommand = {
  args: [
    { name: 'id', about: 'a channel or another entity (shard-0/stream/4711)', complete: 'row' },
  ],
  options: [
    {
      name: 'for',
      kind: 'number',
      value: 'SECONDS',
      about: 'ends by itself then',
      min: 1,
      max: 3_600,
      fallback: 60,
    },
    {
      name: 'shapes',
      kind: 'flag',
      about: 'without content: only how large and of which form; cannot be replayed',
    },
  ],
  more: "Written on the server's machine into DATA_DIR/records; it holds what people write, unless --shapes. Recorded in the audit log.",
  examples: ['record start shard-0/stream/4711 --for 30'],
  run: (context, given) =>
    callVerb(
      context,
      'record',
      (admin) => ({
        id: rowId(admin, given.arg('id')),
        forMs: (given.number('for') ?? 60) * 1_000,
        content: !given.flag('shapes'),
      }),
      (value) => {
        const { file, until } = value as { readonly file: string; readonly until: number };
        return `${file} until ${moment(until, context.clock.now())} UTC`;
      },
    ),
};

export const recordStop: CliCommand = {
  args: [{ name: 'file', about: 'as record list shows it' }],
  run: (context, given) => callVerb(context, 'record.stop', { file: given.arg('file') }, outline),
};

export const recordList: CliCommand = {
  run: (context) => callVerb(context, 'record.list', {}, outline),
};
