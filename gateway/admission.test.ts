/** Who may open a WebSocket. */
import { beforeEach, expect, test } from 'vitest';
import { systemRng } from '../runtime/index.ts';
import { Admission, selectEncoding } from './admission.ts';
import { createMetrics } from './metrics.ts';
import { createRateTableBuffer, RateTable } from './rates/index.ts';
import { FakeClock } from './test/fake-net.ts';

const clock = new FakeClock();
let isDraining = false;

function admission(factor = 1): Admission {
  const rates = new RateTable(createRateTableBuffer(systemRng), { clock, factor });
  const allowedOrigins = ['https://chat.example/', 'https://b.example:8443'];
  const metrics = createMetrics();
  return new Admission({
    rates,
    clock,
    metrics,
    limitsFactor: factor,
    allowedOrigins,
    isDraining: () => isDraining,
    connectionsMax: Number.POSITIVE_INFINITY,
  });
}

function from(last: number, origin = '', protocols = 'driftway.v1.mp') {
  return { protocols, origin, address: new Uint8Array([10, 0, 0, last]).buffer };
}

beforeEach(() => {
  isDraining = false;
});

test.each([
  ['driftway.v1.json, driftway.v1.mp', 'json'],
  ['chat,driftway.v1.mp', 'mp'],
  ['driftway.v1.MP', undefined],
  ['', undefined],
] as const)('selectEncoding: %j, %s', (offered, encoding) => {
  expect(selectEncoding(offered)).toBe(encoding);
});

test.each([
  ['', true],
  ['https://chat.example', true],
  ['https://b.example:8443', true],
  ['https://b.example', false],
  ['http://chat.example', false],
  ['null', false],
])('Admission: Origin %j, accepted %s', (origin, isOk) => {
  expect(admission().judge(from(1, origin)).ok).toBe(isOk);
});

test('Admission: IPv4 mapped into IPv6 counts as the IPv4 address (P19)', () => {
  const mapped = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 9]).buffer;
  const verdict = admission().judge({ ...from(1), address: mapped });
  expect(verdict.ok && verdict.addressKey).toBe('10.0.0.9');
});

test('Admission: IPv6 counts by its /64', () => {
  const address = new Uint8Array([32, 1, 13, 184, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9]).buffer;
  const verdict = admission().judge({ ...from(1), address });
  expect(verdict.ok && verdict.addressKey).toBe('2001:db8:0:1');
});

test('Admission: draining, 503 with Retry-After', () => {
  isDraining = true;
  expect(admission().judge(from(1))).toEqual({ ok: false, status: 503, retryAfterS: 5 });
});

test('Admission: 2000 unauthenticated in the process, 503 until one identifies or leaves', () => {
  const gate = admission();
  for (let i = 0; i < 2000; i += 1) {
    if (i % 500 === 0) clock.advance(1000);
    const address = new Uint8Array([10, 1, i >> 8, i & 255]).buffer;
    expect(gate.judge({ ...from(1), address }).ok).toBe(true);
  }
  clock.advance(1000);
  expect(gate.judge(from(1))).toMatchObject({ ok: false, status: 503 });
  gate.identified();
  expect(gate.judge(from(2)).ok).toBe(true);
  expect(gate.judge(from(3)).ok).toBe(false);
  gate.left('10.0.0.2', false);
  expect(gate.judge(from(4)).ok).toBe(true);
});

test('Admission: more handshakes per second than the thread serves, 503', () => {
  const gate = admission();
  clock.advance(5000);
  let refused = 0;
  for (let i = 0; i < 2500; i += 1) {
    const address = new Uint8Array([10, 2, i >> 8, i & 255]).buffer;
    const verdict = gate.judge({ ...from(1), address });
    if (verdict.ok) gate.left('x', false);
    else refused += 1;
  }
  expect(refused).toBe(1500);
});
