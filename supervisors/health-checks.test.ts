/** What /health makes of a disk, a store, memory and threads in trouble. */
import { expect, test } from 'vitest';
import { HealthLook, type HealthPorts } from './health-checks.ts';
import { HEALTH } from './policies.ts';
import type { VoiceLook } from './voice/types.ts';

const GIB = 2 ** 30;

class Ports implements HealthPorts {
  nowMs = 0;
  free = 10 * GIB;
  available = 4 * GIB;
  healthy = true;
  /** How long a thread's answer takes; Infinity for none. */
  readonly delays = new Map([
    ['store', 1],
    ['shard-0', 2],
  ]);
  looks = 0;
  readonly clock = { monotonic: () => this.nowMs };

  async freeBytes(): Promise<number> {
    this.looks += 1;
    if (this.free < 0) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    return this.free;
  }

  memory() {
    return { usedBytes: GIB / 4, availableBytes: this.available };
  }

  async store() {
    return { healthy: this.healthy };
  }

  slots() {
    return [...this.delays.keys()];
  }

  async voice(): Promise<VoiceLook> {
    return { binary: { state: 'off' }, audio: { state: 'off' }, thread: 'standby', status: null };
  }

  async ping(slot: string): Promise<string> {
    const delay = this.delays.get(slot)!;
    if (delay === Number.POSITIVE_INFINITY) throw new Error('timeout');
    this.nowMs += delay;
    return 'here';
  }
}

const statuses = async (ports: HealthPorts): Promise<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(await new HealthLook(ports).read()).map(([name, { status }]) => [name, status]),
  );
const FINE = { disk: 'ok', store: 'ok', loop: 'ok', memory: 'ok', voice: 'off', media: 'off' };

test('read: all is well, its checks are ok and say what they found', async () => {
  const ports = new Ports();
  expect(await statuses(ports)).toEqual(FINE);
  const { disk, loop } = await new HealthLook(ports).read();
  expect(disk?.detail).toBe('10240 MiB free');
  expect(loop?.detail).toMatch(/^slowest (store|shard-0), \d+ ms$/);
});

test.each<[string, (ports: Ports) => void, string, RegExp]>([
  ['a nearly full disk', (p) => (p.free = HEALTH.freeBytes - 1), 'disk', /MiB free/],
  ['a disk that is gone', (p) => (p.free = -1), 'disk', /ENOENT/],
  ['a store that cannot write', (p) => (p.healthy = false), 'store', /cannot write/],
  ['little memory', (p) => (p.available = HEALTH.availableBytes - 1), 'memory', /available/],
  [
    'a late thread',
    (p) => p.delays.set('shard-0', HEALTH.lateMs + 1),
    'loop',
    /^slowest \S+, \d+ ms$/,
  ],
  ['a silent one', (p) => p.delays.set('shard-0', Infinity), 'loop', /no answer: shard-0/],
])('read: %s, that check alone is degraded', async (_what, plant, name, detail) => {
  const ports = new Ports();
  plant(ports);
  const look = new HealthLook(ports);
  const checks = await look.read();
  // Time that passes for one thread passes for the store's answer too.
  const others = name === 'loop' ? {} : FINE;
  expect(await statuses(ports)).toMatchObject({ ...others, [name]: 'degraded' });
  expect(checks[name]?.detail).toMatch(detail);
});

test('read: asked again and again, one look until the answer is old', async () => {
  const ports = new Ports();
  const look = new HealthLook(ports);
  await Promise.all([look.read(), look.read(), look.read()]);
  expect(ports.looks).toBe(1);
  ports.nowMs += HEALTH.keepMs;
  await look.read();
  expect(ports.looks).toBe(2);
});
