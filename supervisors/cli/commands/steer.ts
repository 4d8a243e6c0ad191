/**
 * Owns the commands that act on one row of the tree: `suspend`, `resume`, `kill`, `restart`, `passivate`, `drain`, `heap`.
 */
import { callVerb, rowId } from '../ask.ts';
import { bytes, moment } from '../text.ts';
import type { CliArgument, CliCommand, CliContext, CliOption, Given } from '../types.ts';

const ACTOR: CliArgument = { name: 'id', about: 'actor, as the tree shows it', complete: 'row' };
const AUDITED = 'Recorded in the audit log.';

type Answer = Readonly<Record<string, unknown>>;

/** A command that is one call of the verb with the row's id. */
function acting(
  verb: string,
  show: (answer: Answer, context: CliContext) => string,
  parts: Omit<CliCommand, 'run'> & { args?: readonly CliArgument[] },
  more: (given: Given) => object = () => ({}),
): CliCommand {
  return {
    args: [ACTOR],
    ...parts,
    run: (context, given) =>
      callVerb(
        context,
        verb,
        (admin) => ({ id: rowId(admin, given.arg('id')), ...more(given) }),
        (value) => show(value as Answer, context),
      ),
  };
}

const FOR_SUSPEND: CliOption = {
  name: 'for',
  kind: 'number',
  value: 'SECONDS',
  about: 'goes on by itself then',
  min: 1,
  max: 600,
  fallback: 30,
};

export const suspend = acting(
  'suspend',
  ({ id, until }, { clock }) =>
    `${id} is suspended until ${moment(Number(until), clock.now())} UTC`,
  { options: [FOR_SUSPEND], more: AUDITED, examples: ['suspend shard-0/stream/4711 --for 10'] },
  (given) => ({ forMs: (given.number('for') ?? 30) * 1_000 }),
);

export const resume = acting(
  'resume',
  ({ id, wasSuspended }) => (wasSuspended === false ? `${id} was not suspended` : `${id} goes on`),
  { more: AUDITED, examples: ['resume shard-0/stream/4711'] },
);

export const kill = acting(
  'kill',
  ({ id, ended }) => `${id} was killed${counted(ended)}; its supervisor starts it again`,
  {
    args: [{ ...ACTOR, about: 'actor or thread, as the tree shows it' }],
    more: `Ends at once what is below it too, as a crash does. ${AUDITED}`,
    examples: ['kill shard-0/stream/4711', 'kill shard-0'],
  },
);

export const restart = acting(
  'restart',
  ({ id, restarted, ended }) =>
    `${typeof restarted === 'string' ? restarted : id} was restarted${counted(ended)}`,
  {
    args: [{ ...ACTOR, about: 'actor or thread, as the tree shows it' }],
    more: `Ends in order what is below it, and starts it again. ${AUDITED}`,
    examples: ['restart shard-0/stream/4711', 'restart reader-0'],
  },
);

export const passivate = acting(
  'passivate',
  ({ id }) => `${id} is passive: its next message starts it again`,
  {
    options: [{ name: 'force', kind: 'flag', about: 'even if it says that it may not' }],
    more: AUDITED,
    examples: ['passivate shard-0/stream/4711'],
  },
  (given) => ({ force: given.flag('force') }),
);

export const drain = acting(
  'drain',
  ({ id, stopsWithinMs }) =>
    typeof stopsWithinMs === 'number'
      ? `${id} stops within ${stopsWithinMs / 1_000} s`
      : `${id} was drained and has started again`,
  {
    args: [{ name: 'id', about: 'a shard (shard-0), or . for the whole node', complete: 'row' }],
    more: `A shard ends its entities in order and starts again. The node sends its clients away and stops, as on SIGTERM. ${AUDITED}`,
    examples: ['drain shard-0', 'drain .'],
  },
);

export const heap = acting(
  'heap.snapshot',
  ({ file, bytes: size, tookMs }) =>
    `${file} (${bytes(Number(size))}, ${Math.round(Number(tookMs))} ms)`,
  {
    args: [{ name: 'id', about: 'a thread (shard-0)', complete: 'row' }],
    more: `Written on the server's machine, for Chrome's DevTools; it holds what people wrote. The thread stands still meanwhile. ${AUDITED}`,
    examples: ['heap shard-0'],
  },
);

function counted(ended: unknown): string {
  return typeof ended === 'number' && ended > 1 ? `, ${ended} actors with what was below it` : '';
}
