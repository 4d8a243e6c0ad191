/** What bench:voice measures and how long: the shapes, their bars and where these come from (voice.md 9, peers.md B3). Pure. */
import type { Shape } from './crowd.ts';

export interface Forwarding {
  readonly id: string;
  readonly what: string;
  readonly shape: Shape;
  readonly windows: number;
  readonly windowMs: number;
  readonly bars: {
    /** CPU per packet, Driftway's over the bare server's. */
    readonly ratio?: number;
    readonly p99Ms?: number;
    readonly p999Ms?: number;
    readonly gapMs?: number;
    /** Share of the server's core in percent. */
    readonly corePercent?: number;
  };
}

export interface Plan {
  readonly forwarding: readonly Forwarding[];
  /** People per shape of the memory scenario, smaller in a short run. */
  readonly memoryCalls: number;
  readonly soakWarmJoins: number;
  readonly soakJoins: number;
  /** VP8 and VP9, each. */
  readonly joins: number;
  /** VP10. */
  readonly kills: number;
  readonly storm: { readonly people: number; readonly perS: number; readonly seconds: number };
}

export const LOSS_MAX_PERCENT = 0.1;

const calls = (rooms: number, spread: Shape['spread']): Shape => ({
  ...{ rooms, spread },
  perRoom: 2,
  talkers: 2,
});
const talk = (rooms: number, perRoom: number, talkers: number): Shape => ({
  ...{ rooms, perRoom, talkers },
  spread: 'even',
});

const FULL = { windows: 10, windowMs: 3000 } as const;

/** 20 minutes; the figures to keep. */
export const FULL_PLAN: Plan = {
  forwarding: [
    {
      ...{ id: 'VP1', what: '100 calls of two, in bursts', ...FULL },
      shape: calls(100, 'bursts'),
      bars: { ratio: 0.87 },
    },
    {
      ...{ id: 'VP2', what: '450 calls of two, in bursts', ...FULL },
      shape: calls(450, 'bursts'),
      bars: { ratio: 0.87 },
    },
    {
      ...{ id: 'VP3', what: '20 rooms of 10, 3 talk', ...FULL },
      shape: talk(20, 10, 3),
      bars: { ratio: 0.9 },
    },
    {
      ...{ id: 'VP4', what: 'a room of 100, 3 talk', ...FULL },
      shape: talk(1, 100, 3),
      bars: { ratio: 0.9 },
    },
    {
      ...{ id: 'VP5', what: '600 calls of two', ...FULL },
      shape: calls(600, 'even'),
      bars: { p99Ms: 20 },
    },
    {
      ...{ id: 'VP6', what: '100 calls of two, the tail', windows: 10, windowMs: 6000 },
      shape: calls(100, 'even'),
      bars: { p999Ms: 3, gapMs: 25 },
    },
    {
      ...{ id: 'V2', what: '250 calls of two, half of the rated load', ...FULL },
      shape: calls(250, 'even'),
      bars: { p99Ms: 5 },
    },
    {
      ...{ id: 'V3', what: '500 calls of two, 1,000 streams, the rated load', ...FULL },
      shape: calls(500, 'even'),
      bars: { p99Ms: 20 },
    },
    {
      ...{ id: 'V4', what: '40 rooms of 25, 3 talk', ...FULL },
      shape: talk(40, 25, 3),
      bars: { p99Ms: 5 },
    },
    {
      ...{ id: 'V5', what: '1 speaks to 500', ...FULL },
      shape: talk(1, 501, 1),
      bars: { p99Ms: 10, corePercent: 30 },
    },
  ],
  memoryCalls: 100,
  soakWarmJoins: 300,
  soakJoins: 1000,
  joins: 200,
  kills: 4,
  storm: { people: 300, perS: 150, seconds: 10 },
};

const SHORT_WINDOWS = { windows: 3, windowMs: 1500 } as const;
/** Shapes that a short run replaces by smaller ones of the same kind. */
const SHORT_SHAPES: Readonly<Record<string, Shape>> = {
  VP2: calls(150, 'bursts'),
  VP3: talk(15, 10, 3),
  V2: calls(125, 'even'),
  V3: calls(200, 'even'),
  V4: talk(8, 25, 3),
  V5: talk(1, 101, 1),
};

/** 2 minutes: whether everything works, and the first digit of the ratios. */
export const SHORT_PLAN: Plan = {
  forwarding: FULL_PLAN.forwarding
    .filter(({ id }) => id !== 'VP5' && id !== 'VP6')
    .map((one) => {
      const shape = SHORT_SHAPES[one.id];
      if (shape === undefined) return { ...one, ...SHORT_WINDOWS };
      const { perRoom, rooms, talkers } = shape;
      const what = `${one.what} (short: ${rooms} of ${perRoom}, ${talkers} talk)`;
      return { ...one, ...SHORT_WINDOWS, what, shape };
    }),
  memoryCalls: 50,
  soakWarmJoins: 50,
  soakJoins: 100,
  joins: 30,
  kills: 2,
  storm: { people: 60, perS: 60, seconds: 3 },
};

/** Ids that --only may name. */
export function scenarioIds(plan: Plan): readonly string[] {
  return ['VP7', ...plan.forwarding.map(({ id }) => id), 'VP8', 'VP9', 'VP10', 'V14', 'V16', 'V6'];
}

/** Ids of the scenario that prints a row: VP9 is measured with VP8, half of V14 with VP7. */
export function isWanted(scenario: string, only: readonly string[]): boolean {
  const along: Readonly<Record<string, string>> = { VP8: 'VP9', VP7: 'V14' };
  return only.length === 0 || only.includes(scenario) || only.includes(along[scenario] ?? '');
}

export interface Size {
  readonly people: number;
  readonly rooms: number;
}

/** The most people and rooms that the wanted scenarios use at once; V16 has a server of its own. */
export function sizeOf(plan: Plan, only: readonly string[]): Size {
  const crowd = ({ perRoom, rooms }: Shape): Size => ({ people: perRoom * rooms, rooms });
  const memory = memoryShapes(plan).map(crowd);
  const sum = (what: (size: Size) => number) => memory.reduce((all, one) => all + what(one), 0);
  const sizes: Readonly<Record<string, Size>> = {
    VP7: { people: sum(({ people }) => people), rooms: sum(({ rooms }) => rooms) },
    VP8: { people: 10, rooms: 1 },
    VP10: { people: 50, rooms: 5 },
    V14: { people: 3, rooms: 1 },
    ...Object.fromEntries(plan.forwarding.map(({ id, shape }) => [id, crowd(shape)])),
  };
  const wanted = Object.keys(sizes).filter((id) => isWanted(id, only));
  const most = (what: keyof Size) => Math.max(1, ...wanted.map((id) => sizes[id]?.[what] ?? 0));
  return { people: most('people'), rooms: most('rooms') };
}

/** One after the other and all still there at the end: a first call, calls, a room of 100, silent rooms, loud rooms. */
export function memoryShapes(plan: Plan): readonly [Shape, Shape, Shape, Shape, Shape] {
  return [
    calls(1, 'even'),
    calls(plan.memoryCalls, 'even'),
    talk(1, 100, 3),
    talk(10, 10, 0),
    talk(10, 10, 10),
  ];
}
