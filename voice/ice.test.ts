/** TURN addresses and credentials. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { iceServers, isTurnUrl } from './ice.ts';

const urls = ['turn:turn.example.org:3478?transport=udp', 'turns:turn.example.org:443'];

describe('iceServers', () => {
  test('iceServers: a secret, the name says until when and the password is its hash', () => {
    const [server, ...others] = iceServers({ urls, secret: 'a secret' }, 42, 1_000_500);
    expect(others).toEqual([]);
    expect(server).toMatchObject({ urls, username: '4600:42' });
    const credential = createHmac('sha1', 'a secret').update('4600:42').digest('base64');
    expect(server?.credential).toBe(credential);
  });

  test('iceServers: no TURN, no servers; TURN without a secret, addresses only', () => {
    expect(iceServers({ urls: [], secret: 'a secret' }, 42, 0)).toEqual([]);
    expect(iceServers({ urls, secret: null }, 42, 0)).toEqual([{ urls }]);
  });
});

test.each([
  ['turn:turn.example.org', true],
  ['turns:[2001:db8::1]:5349?transport=tcp', true],
  ['stun:stun.example.org', false],
  ['turn:host:port', false],
  ['turn:user@host', false],
  ['https://turn.example.org', false],
  ['turn:host?transport=sctp', false],
])('isTurnUrl: %s, %s', (text, is) => {
  expect(isTurnUrl(text)).toBe(is);
});
