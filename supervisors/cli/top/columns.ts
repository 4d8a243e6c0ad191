/**
 * Owns the columns of the table: what each shows, how wide it is, and from which width of the screen on it is there. Pure.
 */
import type { RowState, TreeRow } from '../../admin/types.ts';
import { bytes, count, duration, moment, safe } from '../text.ts';
import type { Style } from './style.ts';

/** What a cell needs besides the row. */
export interface CellContext {
  /** Ms since 1970. */
  readonly now: number;
}

export interface Column {
  readonly id: string;
  readonly head: string;
  readonly width: number;
  readonly align: 'left' | 'right';
  /** Columns are dropped from the highest rank on while the name would have less than its least width. */
  readonly rank: number;
  cell(row: TreeRow, context: CellContext): string;
  style?(row: TreeRow, context: CellContext): Style;
  /** Changes by itself as time goes on. */
  readonly ages?: true;
}

/** The columns of a screen and the width of the name before them. */
export interface Layout {
  readonly width: number;
  readonly nameWidth: number;
  readonly columns: readonly Column[];
}

/** Three levels of indentation and `channel` with its id. */
const NAME_LEAST = 34;
/** Beyond it a wider name is empty space: the rest goes to the last column. */
const NAME_MOST = 56;
const RECENT_MS = 60_000;

const STATES: Readonly<Record<RowState, string>> = {
  running: 'running',
  idle: 'idle',
  busy: 'busy',
  awaiting: 'waits',
  starting: 'starts',
  suspended: 'suspend',
  hibernated: 'hibern.',
  terminating: 'ends',
  down: 'DOWN',
  hung: 'HUNG',
  passive: 'passive',
};

const STATE_STYLES: Partial<Record<RowState, Style>> = {
  running: 'good',
  busy: 'good',
  awaiting: 'warn',
  starting: 'warn',
  terminating: 'warn',
  suspended: 'special',
  down: 'bad',
  hung: 'bad',
  idle: 'faint',
  passive: 'faint',
  hibernated: 'faint',
};

const COLUMNS: readonly Column[] = [
  {
    id: 'state',
    head: 'STATE',
    width: 7,
    align: 'left',
    rank: 0,
    cell: ({ state }) => STATES[state] ?? safe(state),
    style: ({ state }) => STATE_STYLES[state] ?? 'plain',
  },
  {
    id: 'mailbox',
    head: 'MBOX',
    width: 5,
    align: 'right',
    rank: 0,
    cell: ({ mailbox }) => count(mailbox),
    style: (row) => mailboxStyle(row.mailbox, row.mailboxLimit),
  },
  {
    id: 'mailbox-max',
    head: 'MAX',
    width: 5,
    align: 'right',
    rank: 2,
    cell: ({ mailboxMax }) => count(mailboxMax),
    style: (row) => mailboxStyle(row.mailboxMax, row.mailboxLimit),
  },
  {
    id: 'rate',
    head: 'MSG/S',
    width: 6,
    align: 'right',
    rank: 0,
    cell: ({ rate }) => count(rate),
    style: ({ rate }) => (rate > 0 ? 'plain' : 'faint'),
  },
  {
    id: 'busy',
    head: 'BUSY',
    width: 5,
    align: 'right',
    rank: 3,
    cell: ({ busyMs }) => (busyMs === null ? '-' : percent(busyMs / 10)),
    style: ({ busyMs }) =>
      busyMs === null || busyMs < 1 ? 'faint' : busyMs > 700 ? 'bad' : 'plain',
  },
  {
    id: 'restarts',
    head: 'RST',
    width: 4,
    align: 'right',
    rank: 1,
    cell: ({ restarts }) => count(restarts),
    style: ({ restarts }) => (restarts > 0 ? 'warn' : 'faint'),
  },
  {
    id: 'memory',
    head: 'MEM',
    width: 5,
    align: 'right',
    rank: 4,
    cell: ({ memoryBytes }) => (memoryBytes > 0 ? bytes(memoryBytes) : '-'),
    style: ({ memoryBytes }) => (memoryBytes > 0 ? 'plain' : 'faint'),
  },
  {
    id: 'children',
    head: 'BELOW',
    width: 6,
    align: 'right',
    rank: 5,
    cell: ({ children }) => (children > 0 ? count(children) : '-'),
    style: ({ children }) => (children > 0 ? 'plain' : 'faint'),
  },
  {
    id: 'messages',
    head: 'TOTAL',
    width: 6,
    align: 'right',
    rank: 6,
    cell: ({ messages }) => count(messages),
    style: ({ messages }) => (messages > 0 ? 'plain' : 'faint'),
  },
  {
    id: 'dropped',
    head: 'DROP',
    width: 5,
    align: 'right',
    rank: 7,
    cell: ({ dropped }) => count(dropped),
    style: ({ dropped }) => (dropped > 0 ? 'bad' : 'faint'),
  },
  {
    id: 'age',
    head: 'UP',
    width: 6,
    align: 'right',
    rank: 8,
    ages: true,
    cell: ({ startedAt }, { now }) => (startedAt > 0 ? shortDuration(now - startedAt) : '-'),
  },
  {
    id: 'thread',
    head: 'THREAD',
    width: 10,
    align: 'left',
    rank: 9,
    cell: ({ thread }) => safe(thread),
  },
  {
    id: 'label',
    head: 'LABEL',
    width: 24,
    align: 'left',
    rank: 10,
    // Hosts of entities are labelled as they are named.
    cell: ({ label, name }) => (label === name ? '' : safe(label)),
  },
  {
    id: 'crash',
    head: 'LAST CRASH',
    width: 30,
    align: 'left',
    rank: 11,
    ages: true,
    cell: ({ lastCrash }, { now }) =>
      lastCrash === null ? '-' : `${moment(lastCrash.at, now)} ${safe(lastCrash.reason)}`,
    style: ({ lastCrash }, { now }) =>
      lastCrash === null ? 'faint' : now - lastCrash.at < RECENT_MS ? 'bad' : 'warn',
  },
];

/** The columns that fit into `width`; the name takes what is left, the last column what the name does not need. */
export function layoutFor(width: number): Layout {
  const ranks = [...new Set(COLUMNS.map(({ rank }) => rank))].sort((a, b) => b - a);
  let columns = COLUMNS;
  let nameWidth = nameFor(width, columns);
  for (const rank of ranks) {
    if (nameWidth >= NAME_LEAST) break;
    columns = columns.filter((column) => column.rank !== rank);
    nameWidth = nameFor(width, columns);
  }
  const last = columns.at(-1);
  if (last?.id === 'crash' && nameWidth > NAME_MOST) {
    const wider = { ...last, width: last.width + nameWidth - NAME_MOST };
    return { width, nameWidth: NAME_MOST, columns: [...columns.slice(0, -1), wider] };
  }
  return { width, nameWidth: Math.max(nameWidth, 8), columns };
}

function nameFor(width: number, columns: readonly Column[]): number {
  return columns.reduce((rest, column) => rest - column.width - 1, width);
}

function mailboxStyle(depth: number, limit: number): Style {
  if (depth === 0) return 'faint';
  return limit > 0 && depth > limit / 2 ? 'bad' : depth > 0 ? 'warn' : 'plain';
}

function percent(value: number): string {
  if (value === 0) return '0%';
  return value < 9.95 ? `${value.toFixed(1)}%` : `${Math.round(value)}%`;
}

/** At most six columns: 59s, 12m, 5h12m, 3d04h, 120d. */
function shortDuration(ms: number): string {
  const text = duration(ms);
  return text.length <= 6 ? text : (/^\d+[dhm]/.exec(text)?.[0] ?? text);
}
