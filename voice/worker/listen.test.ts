/** Where workers listen and what clients are told. */
import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { addressesOf, linkPorts, listenInfos, UDP_BUFFER_BYTES } from './listen.ts';

const own = (address: string, family: 'IPv4' | 'IPv6') =>
  ({ address, family }) as NetworkInterfaceInfo;
const INTERFACES = {
  lo: [own('127.0.0.1', 'IPv4'), own('::1', 'IPv6')],
  eth0: [own('192.0.2.7', 'IPv4'), own('2001:db8::7', 'IPv6'), own('fe80::7', 'IPv6')],
};
const BUFFERS = { recvBufferSize: UDP_BUFFER_BYTES, sendBufferSize: UDP_BUFFER_BYTES };

describe('listenInfos', () => {
  test('listenInfos: one address, UDP first and TCP on the same number', () => {
    const listen = { host: '192.0.2.7', basePort: 40_000 };
    expect(listenInfos(listen, ['192.0.2.7'], 40_001, INTERFACES)).toEqual([
      { protocol: 'udp', ip: '192.0.2.7', port: 40_001, ...BUFFERS },
      { protocol: 'tcp', ip: '192.0.2.7', port: 40_001 },
    ]);
  });

  test('listenInfos: an announced address, is told instead, and only for its own family', () => {
    const listen = { host: '192.0.2.7', basePort: 1, announcedIpv4: 'voice.example.org' };
    const infos = listenInfos(listen, ['192.0.2.7', '2001:db8::7'], 1, INTERFACES);
    expect(infos.map(({ ip, announcedAddress }) => [ip, announcedAddress])).toEqual([
      ['192.0.2.7', 'voice.example.org'],
      ['2001:db8::7', undefined],
      ['192.0.2.7', 'voice.example.org'],
      ['2001:db8::7', undefined],
    ]);
  });

  test('listenInfos: the IPv4 wildcard, every address of the machine that clients can send to', () => {
    const infos = listenInfos({ host: '0.0.0.0', basePort: 1 }, ['0.0.0.0'], 1, INTERFACES);
    expect(infos.filter(({ protocol }) => protocol === 'udp').map(({ ip }) => ip)).toEqual([
      '127.0.0.1',
      '192.0.2.7',
    ]);
  });

  test('listenInfos: the wildcard with an announced address, the wildcard itself', () => {
    const listen = { host: '::', basePort: 1, announcedIpv4: '203.0.113.1' };
    const infos = listenInfos(listen, ['::'], 1, INTERFACES);
    const udp = infos.filter(({ protocol }) => protocol === 'udp');
    expect(udp.map(({ ip, announcedAddress, flags }) => [ip, announcedAddress, flags])).toEqual([
      ['0.0.0.0', '203.0.113.1', undefined],
      ['::1', undefined, { ipv6Only: true }],
      ['2001:db8::7', undefined, { ipv6Only: true }],
    ]);
  });

  test('listenInfos: port 0, leaves the choice to the worker', () => {
    const [info] = listenInfos({ host: '127.0.0.1', basePort: 0 }, ['127.0.0.1'], 0, {});
    expect(info).not.toHaveProperty('port');
  });
});

test.each([
  ['slots in the middle', 40_000, 3, { min: 10_000, max: 39_999 }],
  ['slots at the lower end', 10_000, 65, { min: 10_065, max: 59_999 }],
  ['slots outside', 3_478, 2, { min: 10_000, max: 59_999 }],
  ['slots on free ports', 0, 2, { min: 10_000, max: 59_999 }],
])('linkPorts: %s, links take none of theirs', (_what, basePort, slots, range) => {
  expect(linkPorts(basePort, slots)).toEqual(range);
});

test('addressesOf: an address is itself, a name is what it stands for', async () => {
  expect(await addressesOf('192.0.2.7')).toEqual(['192.0.2.7']);
  expect(await addressesOf('localhost')).toContain('127.0.0.1');
});
