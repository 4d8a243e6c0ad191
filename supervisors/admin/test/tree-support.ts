/** Batches as a thread's publisher sends them, for tests of the tree on the main thread. */
import {
  type AnyRef,
  SAMPLED_FIGURES,
  SAMPLED_STATES,
  type SampledActor,
  type SampledBatch,
} from '../../../runtime/index.ts';
import type { ThreadFigures } from '../tree-publisher.ts';

/** Ref of the row `row` where a test does not say otherwise. */
const FIRST_REF = 1000;

export type Figures = { readonly [figure in (typeof SAMPLED_FIGURES)[number]]?: number };

export function actor(row: number, path: string, more: Partial<SampledActor> = {}): SampledActor {
  const [first = '', key] = path.split('/');
  const isEntity = key !== undefined && /^\d+$/.test(key);
  return {
    row,
    ref: (FIRST_REF + row) as AnyRef,
    parent: 0 as AnyRef,
    path,
    behaviour: first,
    type: isEntity ? first : '',
    isSupervisor: false,
    label: '',
    mailboxLimit: 10_000,
    startedAt: 1,
    ...more,
  };
}

/** A host of entities and as many of them, in the rows from `row` on. */
export function hosted(row: number, type: string, keys: readonly number[]): SampledActor[] {
  const host = actor(row, type, { behaviour: 'entities', isSupervisor: true, label: type });
  const parent = host.ref;
  return [host, ...keys.map((key, i) => actor(row + 1 + i, `${type}/${key}`, { parent }))];
}

export function batch(parts: {
  readonly removed?: readonly number[];
  readonly added?: readonly SampledActor[];
  readonly labels?: readonly (readonly [number, string])[];
  readonly figures?: readonly (Figures & { readonly row: number })[];
  readonly isLast?: boolean;
}): SampledBatch {
  const { added = [], figures = [], isLast = true, labels = [], removed = [] } = parts;
  const numbers = figures.flatMap((one) =>
    SAMPLED_FIGURES.map((figure) => one[figure] ?? (figure === 'state' ? IDLE : 0)),
  );
  return {
    removed,
    added,
    labels,
    figures: new Uint8Array(Float64Array.from(numbers).buffer),
    isLast,
  };
}

const IDLE = SAMPLED_STATES.indexOf('idle');

export function thread(more: Partial<ThreadFigures> = {}): ThreadFigures {
  return {
    actors: 1,
    messages: 0,
    dropped: 0,
    busyMs: 0,
    heapBytes: 0,
    sessions: null,
    sessionList: null,
    ...more,
  };
}
