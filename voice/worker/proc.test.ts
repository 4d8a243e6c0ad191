/** What the kernel knows of workers. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { dropsByPort, killNow, parseDrops, rssOf } from './proc.ts';

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1234: 0100007F:9C40 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 5555 2 0000000000000000 17
 1235: 0100007F:9C41 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 5556 2 0000000000000000 0
garbage
`;

test('parseDrops: the table of the kernel, ports and drops; other lines are left out', () => {
  expect(parseDrops(TABLE)).toEqual([
    [40_000, 17],
    [40_001, 0],
  ]);
  expect(parseDrops('')).toEqual([]);
});

test('dropsByPort: a socket of this process, is found with no drops', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  expect(dropsByPort(new Set([port]))).toEqual(new Map([[port, 0]]));
  socket.close();
});

test('rssOf: this process has memory, a process that is not there has none', () => {
  expect(rssOf(process.pid)).toBeGreaterThan(10_000_000);
  expect(rssOf(2 ** 30)).toBe(0);
});

test('killNow: a process that is not there, is no error', () => {
  expect(killNow(2 ** 30)).toBe(false);
});
