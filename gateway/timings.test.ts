/** What a gateway thread measures: APPENDs, arrivals and audiences, in bounded classes. */
import { expect, test } from 'vitest';
import { GatewayTimings } from './timings.ts';

const topics = (...sizes: number[]) => sizes.map((size) => ({ subscriptions: { size } }));
const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

test('GatewayTimings: an APPEND and an arrival, in seconds and by sockets', () => {
  const timings = new GatewayTimings();
  timings.appended(7);
  timings.arrived(40, 12);
  const { appendS, arrivalS, audience } = timings.measures([]);
  expect(appendS.sum).toBeCloseTo(0.007, 9);
  expect(appendS.counts[appendS.bounds.indexOf(0.01)]).toBe(1);
  expect(arrivalS.sum).toBeCloseTo(0.012, 9);
  expect(audience.counts[audience.bounds.indexOf(50)]).toBe(1);
});

test('GatewayTimings.arrived: the wall clock was set back, counted as no time', () => {
  const timings = new GatewayTimings();
  timings.arrived(1, -5000);
  expect(timings.measures([]).arrivalS).toMatchObject({ sum: 0 });
  expect(timings.measures([]).arrivalS.counts[0]).toBe(1);
});

test('GatewayTimings.measures: streams of all sizes, each in one class', () => {
  const { followers } = new GatewayTimings().measures(topics(1, 1, 10, 11, 50_000));
  expect(followers.find(({ upTo }) => upTo === '1')).toMatchObject({ streams: 2, followers: 2 });
  expect(followers.find(({ upTo }) => upTo === '10')).toMatchObject({ streams: 1, followers: 10 });
  expect(followers.find(({ upTo }) => upTo === '100')).toMatchObject({ streams: 1, followers: 11 });
  expect(followers.at(-1)).toEqual({ upTo: '+Inf', streams: 1, followers: 50_000 });
  expect(total(followers.map(({ streams }) => streams))).toBe(5);
});
