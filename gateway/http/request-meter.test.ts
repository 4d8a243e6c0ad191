/** Requests by route: what is told apart, and the bound. */
import { expect, test } from 'vitest';
import { RequestMeter } from './request-meter.ts';

test('RequestMeter.note: requests of one route, counted by status with their times', () => {
  const meter = new RequestMeter();
  meter.note('GET', '/api/v1/guilds/:id', 200, 3);
  meter.note('GET', '/api/v1/guilds/:id', 200, 30);
  meter.note('GET', '/api/v1/guilds/:id', 404, 1);
  meter.note('PATCH', '/api/v1/guilds/:id', 200, 1);
  const [get, patch] = meter.measures();
  expect(get).toMatchObject({ method: 'GET', statuses: { 200: 2, 404: 1 } });
  expect(get?.timeS.sum).toBeCloseTo(0.034, 9);
  expect(patch).toMatchObject({ method: 'PATCH', statuses: { 200: 1 } });
});

test('RequestMeter.note: no route, one row whatever the path was', () => {
  const meter = new RequestMeter();
  for (let i = 0; i < 3; i++) meter.note('GET', undefined, 404, 1);
  expect(meter.measures()).toMatchObject([{ method: 'GET', route: 'none', statuses: { 404: 3 } }]);
});

test('RequestMeter.note: more routes than the bound, the rest is one row', () => {
  const meter = new RequestMeter();
  for (let i = 0; i < 1000; i++) meter.note('GET', `/r${i}`, 200, 1);
  const rows = meter.measures();
  expect(rows.length).toBe(257);
  expect(rows.at(-1)).toMatchObject({ method: 'other', route: 'other', statuses: { 200: 744 } });
});
