/**
 * Owns the command `tree`: one snapshot of the supervision tree, as an indented list or as nested JSON (api.md, commands).
 */
import type { TreeOptions, TreeRow } from '../../admin/types.ts';
import { refused, rowId, withAdmin } from '../ask.ts';
import { done, failed } from '../outcome.ts';
import { snapshot } from '../snapshot.ts';
import { bytes, count, moment, padded, safe, widthOf } from '../text.ts';
import type { RowStore } from '../top/row-store.ts';
import { comparator, type Entry, entriesOf, nameOf, SORT_KEYS } from '../top/view.ts';
import type { AdminConnection, CliCommand, CliContext, CliOutcome, Given } from '../types.ts';

/** A row with the rows below it; `childCount` counts also those that a limit cut off. */
interface Nested extends Omit<TreeRow, 'children' | 'parent'> {
  readonly childCount: number;
  readonly children: readonly Nested[];
}

export const tree: CliCommand = {
  args: [
    { name: 'id', about: 'row to begin with; the node without', optional: true, complete: 'row' },
  ],
  options: [
    { name: 'depth', kind: 'number', about: 'levels below it', min: 1, max: 16, fallback: 3 },
    { name: 'limit', kind: 'number', about: 'rows at most', min: 1, max: 5_000, fallback: 1_000 },
    {
      name: 'sort',
      kind: 'text',
      about: 'order of rows below the same row',
      choices: SORT_KEYS,
      fallback: 'name',
    },
    { name: 'filter', kind: 'text', about: 'only rows whose name, label or id contains it' },
    {
      name: 'rates',
      kind: 'flag',
      about: 'wait a second for messages per second and handler time',
    },
  ],
  more: 'Where a group has more rows than the limit leaves, a row of kind `more` stands for the rest.',
  examples: ['tree', 'tree shard-0 --sort mailbox', 'tree --filter 4711 --json'],
  run: (context, given) => withAdmin(context, (admin) => print(admin, context, given)),
};

async function print(
  admin: AdminConnection,
  context: CliContext,
  given: Given,
): Promise<CliOutcome> {
  const id = given.text('id');
  const root = id === null ? admin.hello.node : rowId(admin, id);
  const sort = SORT_KEYS.find((key) => key === given.text('sort')) ?? 'name';
  const withRates = given.flag('rates');
  const filter = given.text('filter');
  const options: TreeOptions = {
    depth: given.number('depth') ?? 3,
    limit: given.number('limit') ?? 1_000,
    sort,
    ...(root === admin.hello.node ? {} : { root }),
    ...(filter === null ? {} : { filter }),
  };
  const result = await snapshot(admin, { ...options, withRates });
  if (!result.ok) return refused(result);
  const store = result.value;
  const top = store.row(root);
  if (top === undefined) return failed('not_found', `no row ${root}`);
  const order = comparator(sort, false);
  const document = { node: admin.hello.node, root: nested(store, top, order) };
  const entries = entriesOf(store, {
    root,
    sort,
    isReversed: false,
    mode: 'tree',
    openLevels: Number.POSITIVE_INFINITY,
    toggled: new Map(),
  });
  return done(document, list(entries, withRates, context));
}

function nested(store: RowStore, row: TreeRow, order: (a: TreeRow, b: TreeRow) => number): Nested {
  const { children: childCount, parent: _above, ...own } = row;
  const below = [...store.children(row.id)].sort(order);
  return { ...own, childCount, children: below.map((child) => nested(store, child, order)) };
}

/** One line for each row: where it hangs, what it does, and what is worth a look. */
function list(entries: readonly Entry[], withRates: boolean, { clock }: CliContext): string {
  const names = entries.map(({ row, depth }) => `${'  '.repeat(depth)}${safe(nameOf(row))}`);
  const width = Math.max(...names.map(widthOf));
  return entries
    .map(({ row }, i) => {
      if (row.kind === 'more') return names[i];
      const cells = [
        padded(names[i] ?? '', width),
        padded(row.state, 11),
        ...facts(row, withRates),
      ];
      if (row.label !== '' && row.label !== row.name) cells.push(`"${safe(row.label)}"`);
      if (row.lastCrash !== null) {
        const { at, reason } = row.lastCrash;
        cells.push(`crashed ${moment(at, clock.now())}: ${safe(reason)}`);
      }
      return cells.join('  ').trimEnd();
    })
    .join('\n');
}

function facts(row: TreeRow, withRates: boolean): string[] {
  const texts = [`mailbox ${count(row.mailbox)}`];
  if (withRates) texts.push(`${count(row.rate)}/s`);
  if (withRates && row.busyMs !== null) texts.push(`busy ${(row.busyMs / 10).toFixed(1)}%`);
  if (row.restarts > 0) texts.push(`restarts ${row.restarts}`);
  if (row.dropped > 0) texts.push(`dropped ${count(row.dropped)}`);
  if (row.memoryBytes > 0) texts.push(bytes(row.memoryBytes));
  if (row.children > 0) texts.push(`${count(row.children)} below`);
  return texts;
}
