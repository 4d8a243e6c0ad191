/**
 * Owns the command `replay`: runs a recorded channel again from its record alone, without a server, and says whether it does the
 * same. The record is one that the verb `record` wrote.
 */
import { resolve } from 'node:path';
import type { Entry, Replay, ReplayStep } from '../../../runtime/record/index.ts';
import { done, failed, misuse } from '../outcome.ts';
import { count, safe, table } from '../text.ts';
import type { CliCommand, CliContext, CliOutcome } from '../types.ts';

/** One life of the record, replayed. */
interface Life {
  readonly life: number;
  readonly actor: string;
  readonly steps: number;
  /** What it did in these steps: uses of its context and ports, answers. */
  readonly outputs: number;
  /** Where it did something else than what was recorded; null: nowhere. */
  readonly divergence: NonNullable<ReplayStep['divergence']> | null;
  readonly state: unknown;
}

const TEXT_MAX = 160;

export const replay: CliCommand = {
  args: [
    { name: 'file', about: 'record to replay; with .1, .2 ... beside it where it was rotated' },
  ],
  options: [
    {
      name: 'life',
      about: 'only this life, 0 is the first; default all',
      kind: 'number',
      min: 0,
      max: 1_000_000,
    },
    { name: 'steps', about: 'print each input with what came of it', kind: 'flag', short: 's' },
  ],
  more: 'Exit code 1 when the channel does anything else than what was recorded. Works without a server; the version should be the one that recorded.',
  examples: [
    'replay data/records/20261121-101500000-stream-4711.jsonl',
    'replay FILE --life 0 --steps',
  ],
  run: async (context, given) => {
    const path = resolve(context.sources.cwd, given.arg('file'));
    const { readRecord } = await import('../../../runtime/record/index.ts');
    let entries: readonly Entry[];
    try {
      entries = readRecord(path);
    } catch (error) {
      return failed('unreadable', error instanceof Error ? error.message : String(error));
    }
    const starts = startsOf(entries);
    const wanted = given.number('life');
    const lives = wanted === null ? [...starts.keys()] : [wanted];
    const refused = refusal(starts, wanted);
    if (refused !== undefined) return refused;
    const replayed: Life[] = [];
    for (const life of lives) {
      if (context.signal.aborted) break;
      const opened = await open(entries, life);
      replayed.push(
        await play(opened, life, starts[life]?.actor ?? '', context, given.flag('steps')),
      );
    }
    return summary(path, replayed);
  },
};

type Start = Extract<Entry, { t: 'start' }>;

function startsOf(entries: readonly Entry[]): readonly Start[] {
  return entries.filter((entry): entry is Start => entry.t === 'start');
}

function refusal(starts: readonly Start[], wanted: number | null): CliOutcome | undefined {
  const [first] = starts;
  if (first === undefined) return failed('invalid', 'the file holds no record of an actor');
  if (wanted !== null && wanted >= starts.length) {
    return misuse(`life ${wanted}: the record has ${starts.length}`);
  }
  if (first.behaviour !== 'stream') {
    return failed('invalid', `the record is of a ${safe(first.behaviour)}, wanted one of a stream`);
  }
  const { sid } = (first.arg ?? {}) as { readonly sid?: unknown };
  if (typeof sid === 'number') return undefined;
  return failed('no_content', 'the record was made without content: it can be read, not replayed');
}

async function open(entries: readonly Entry[], life: number): Promise<Replay> {
  const [{ openReplay }, { streamReplay }, protocol] = await Promise.all([
    import('../../../runtime/record/index.ts'),
    import('../../../channels/index.ts'),
    import('../../../gateway/protocol/index.ts'),
  ]);
  const { decodeEvent, encodeEvent, encodeMp, encodeReceipt, encodeUnread, mayMention } = protocol;
  const encoders = { encodeEvent, encodeNotice: encodeMp, encodeReceipt, encodeUnread };
  return openReplay(entries, { ...streamReplay({ ...encoders, decodeEvent, mayMention }), life });
}

async function play(
  replaying: Replay,
  life: number,
  actor: string,
  context: CliContext,
  isSteps: boolean,
): Promise<Life> {
  let [steps, outputs] = [0, 0];
  let divergence: Life['divergence'] = null;
  let state: unknown;
  for (;;) {
    const step = await replaying.step();
    if (step === undefined || context.signal.aborted) break;
    steps += 1;
    outputs += step.outputs.length;
    divergence = step.divergence ?? null;
    state = step.after;
    if (isSteps && !context.json) context.write(`${textOf(step, life)}\n`);
  }
  return { life, actor, steps, outputs, divergence, state: state ?? null };
}

function textOf({ at, inputs, outputs }: ReplayStep, life: number): string {
  const shown = (entry: Entry): string => {
    const { t, ...rest } = entry;
    const text = safe(JSON.stringify(rest));
    return `${t.padEnd(8)}${text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text}`;
  };
  const lines = [
    ...inputs.map((each) => `> ${shown(each)}`),
    ...outputs.map((each) => `  ${shown(each)}`),
  ];
  return [`life ${life}, entry ${at}`, ...lines].join('\n');
}

function summary(path: string, lives: readonly Life[]): CliOutcome {
  const off = lives.filter(({ divergence }) => divergence !== null);
  const rows = lives.map(({ actor, divergence, life, outputs, steps }) => [
    life,
    actor,
    count(steps),
    count(outputs),
    divergence === null
      ? 'as recorded'
      : `leaves the record at entry ${divergence.at}: ${divergence.got}`,
  ]);
  const text = table(['LIFE', 'ACTOR', 'STEPS', 'OUTPUTS', 'REPLAY'], rows);
  const outcome = done({ file: path, lives }, text);
  return off.length === 0 ? outcome : { ...outcome, exit: 1 };
}
