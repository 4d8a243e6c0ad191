/** What the doctor makes of what it measured, without the machine. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { judgeChain } from './certificates.ts';
import { judgeFlush, judgeRoom } from './disk.ts';
import { judgeBacklog, judgeOpenFiles } from './machine.ts';
import { judgeAddresses, judgeNats } from './network.ts';
import { judgeSchema } from './store.ts';
import { judge as judgeCall } from './voice-call.ts';

const MIB = 2 ** 20;

test.each([
  [100 * MIB, 'fail'],
  [1024 * MIB, 'warn'],
  [4096 * MIB, 'ok'],
])('judgeRoom: %d bytes free, %s', (free, grade) => {
  expect(judgeRoom('/data', free).grade).toBe(grade);
});

test.each([
  [[0.1, 0.1, 40], 'ok'],
  [[7, 12, 20], 'warn'],
  [[150, 150, 150], 'fail'],
])('judgeFlush: %j ms, the median decides: %s', (times, grade) => {
  expect(judgeFlush(times).grade).toBe(grade);
});

test.each([
  ['256', '256', 'fail'],
  ['1024', '1048576', 'warn'],
  ['65536', '65536', 'ok'],
  ['unlimited', 'unlimited', 'ok'],
])('judgeOpenFiles: soft %s, hard %s: %s', (soft, hard, grade) => {
  const limits = `Max open files            ${soft}                ${hard}                files\n`;
  const finding = judgeOpenFiles(limits, 2);
  expect(finding.grade).toBe(grade);
  if (grade !== 'ok') expect(finding.what).toContain(`${Math.floor((Number(soft) * 0.8) / 2) * 2}`);
});

test.each([
  ['nats-server: v2.9.10', 'warn'],
  ['nats-server: v2.12.0-RC.3', 'ok'],
  ['nats-server: v3.0.1', 'ok'],
  ['something else', 'warn'],
])('judgeNats: %s, %s', (text, grade) => {
  expect(judgeNats(text).grade).toBe(grade);
});

test.each([
  [['10.1.2.3', '8.8.8.8'], false, 'ok'],
  [['192.168.1.2', '172.20.0.1', '100.64.1.1'], false, 'warn'],
  [['192.168.1.2'], true, 'ok'],
  [[], false, 'warn'],
])('judgeAddresses: %j, local %s: %s', (own, isLocal, grade) => {
  expect(judgeAddresses(own, isLocal).grade).toBe(grade);
});

test('judgeBacklog: 128 as on an old kernel is little', () => {
  expect([128, 4096].map((most) => judgeBacklog(most).grade)).toEqual(['warn', 'ok']);
});

test('judgeSchema: newer fails, older is changed by the next start', () => {
  expect([99, 1].map((have) => judgeSchema(have).grade)).toEqual(['fail', 'warn']);
});

describe('judgeChain', () => {
  const file = (name: string): Buffer =>
    readFileSync(new URL(`../../gateway/test/fixtures/${name}.pem`, import.meta.url));
  const cert = new X509Certificate(file('a.cert'));
  const key = createPrivateKey(file('a.key'));
  const [from, to] = [Date.parse(cert.validFrom), Date.parse(cert.validTo)];
  const common = { path: 'cert.pem', chain: [cert], key, host: null };
  const whats = (now: number, host: string | null = null): string =>
    judgeChain({ ...common, now, host })
      .map(({ grade, what }) => `${grade} ${what}`)
      .join('\n');

  test('by time: too early, too late and soon too late are named', () => {
    expect(whats(from - 1)).toContain('fail cert.pem is not valid yet');
    expect(whats(to + 1)).toContain('fail cert.pem ran out on');
    expect(whats(to - 86_400_000)).toContain('warn cert.pem runs out on');
  });

  test('another name, another key, its own signature', () => {
    for (const host of ['chat.example.org', '203.0.113.7', '[2001:db8::1]'])
      expect(whats(from + 1, host)).toContain(`fail cert.pem does not name ${host}`);
    const foreign = createPrivateKey(file('b.key'));
    const [finding] = judgeChain({ ...common, key: foreign, now: from + 1 });
    expect(finding).toMatchObject({ grade: 'fail', what: expect.stringContaining('another') });
    expect(whats(from + 1)).toContain('warn cert.pem is signed by itself');
  });
});

test.each([
  [null, 'ok', 'UDP [::1]:40000: DTLS, and 50 packets of sound through the worker, 12 ms'],
  ['no connection', 'fail', 'UDP [::1]:40000, which clients are told: no connection'],
])('judgeCall: %s, %s', (fault, grade, what) => {
  const found = judgeCall({ address: '::1', port: 40_000 }, fault, 12.3);
  expect(found).toMatchObject({ grade, what });
});
