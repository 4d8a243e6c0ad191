/**
 * Owns what bench:runtime measures: the scenarios of runtime.md 5 and of the lanes, their units and their bars (issue 4). Data only.
 */

/** Columns of the table, in the order in which they take turns. */
export const SIDES = ['driftway', 'erlang', 'erlang-1', 'nact', 'xstate'] as const;
export type SideId = (typeof SIDES)[number];

/** A figure of one process, by name: ns per operation, bytes, or what a lane scenario gives. */
export type Figures = Readonly<Record<string, number>>;

/** One row of the table of sides. Less is better in all of them. */
export interface Row {
  readonly id: string;
  /** Scenario that the process runs. */
  readonly scenario: string;
  /** Which of its figures. */
  readonly figure: 'ns' | 'bytes' | 'bytesUsed';
  readonly title: string;
  /** Module of the scenario in erlang/. */
  readonly erlang: string;
  /** Sides other than the two of Erlang and Driftway that take part. */
  readonly peers: readonly SideId[];
  /** At least this many times Erlang's rate. */
  readonly ratioMin?: number;
  /** Driftway's figure at most. */
  readonly most?: number;
}

export const ROWS: readonly Row[] = [
  {
    id: 'ping-pong',
    scenario: 'ping-pong',
    figure: 'ns',
    title: 'ping-pong, round trip',
    erlang: 'ping_pong',
    peers: ['nact', 'xstate'],
    ratioMin: 4,
  },
  {
    id: 'fan-out',
    scenario: 'fan-out',
    figure: 'ns',
    title: 'fan-out 1 to 1000, message',
    erlang: 'fan_out',
    peers: ['nact', 'xstate'],
    ratioMin: 4,
  },
  {
    id: 'ring',
    scenario: 'ring',
    figure: 'ns',
    title: 'ring of 1000, hop',
    erlang: 'ring',
    peers: ['nact', 'xstate'],
    ratioMin: 4,
  },
  {
    id: 'spawn',
    scenario: 'spawn',
    figure: 'ns',
    title: 'spawn (gen_server:start)',
    erlang: 'spawn_server',
    peers: ['nact', 'xstate'],
    ratioMin: 3,
  },
  {
    id: 'spawn-plain',
    scenario: 'spawn',
    figure: 'ns',
    title: 'spawn (spawn/3, plain)',
    erlang: 'spawn_plain',
    peers: [],
  },
  {
    id: 'idle',
    scenario: 'memory',
    figure: 'bytes',
    title: 'bytes per idle actor',
    erlang: 'memory',
    peers: ['nact', 'xstate'],
    most: 400,
  },
  {
    id: 'used',
    scenario: 'memory',
    figure: 'bytesUsed',
    title: 'bytes after first message',
    erlang: 'memory',
    peers: ['nact', 'xstate'],
  },
  {
    id: 'call',
    scenario: 'call',
    figure: 'ns',
    title: 'call, round trip',
    erlang: 'calls',
    peers: ['nact'],
    ratioMin: 2.5,
  },
  {
    id: 'restart',
    scenario: 'restart',
    figure: 'ns',
    title: 'restart, crash to running',
    erlang: 'restart',
    peers: ['nact'],
    ratioMin: 2.5,
  },
];

/** One row of the table of lanes: Driftway alone. */
export interface LaneRow {
  readonly id: string;
  readonly scenario: string;
  readonly title: string;
  readonly unit: string;
  readonly read: (figures: Figures) => number;
  readonly digits: number;
  readonly least?: number;
  readonly most?: number;
}

const field = (name: string) => (figures: Figures) => figures[name] as number;

export const LANE_ROWS: readonly LaneRow[] = [
  {
    id: 'lane',
    scenario: 'lane',
    title: 'one way, messages of 150 bytes',
    unit: '1/s',
    read: ({ ns }) => 1e9 / (ns as number),
    digits: 0,
    least: 600_000,
  },
  {
    id: 'trip-p50',
    scenario: 'round-trip',
    title: 'idle round trip, p50',
    unit: 'us',
    read: field('p50'),
    digits: 1,
    most: 40,
  },
  {
    id: 'trip-p99',
    scenario: 'round-trip',
    title: 'idle round trip, p99',
    unit: 'us',
    read: field('p99'),
    digits: 1,
  },
  {
    id: 'flood',
    scenario: 'flood',
    title: 'flood: most bytes under way',
    unit: 'MiB',
    read: field('inFlightMb'),
    digits: 1,
    // LaneLimits.inFlightBytes and a batch on top.
    most: 65,
  },
  {
    id: 'flood-rss',
    scenario: 'flood',
    title: 'flood: growth of the process',
    unit: 'MiB',
    read: field('rssMb'),
    digits: 0,
  },
  {
    id: 'flood-lost',
    scenario: 'flood',
    title: 'flood: neither handled nor counted as dropped',
    unit: 'messages',
    read: field('lost'),
    digits: 0,
    most: 0,
  },
  {
    id: 'hung',
    scenario: 'hung',
    title: 'hung thread, beyond the limit until 1000 actors run again',
    unit: 'ms',
    read: field('max'),
    digits: 0,
    most: 200,
  },
];
