/** Refresh tokens: reading, successors, forgery. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readToken, successorOf, writeToken } from './refresh-tokens.ts';

const secret = randomBytes(32);
const bytes = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });

test('readToken: what was written is read back, and its successor is always the same', () => {
  fc.assert(
    fc.property(bytes(16), bytes(32), (loginBytes, tokenSecret) => {
      const login = Buffer.from(loginBytes).toString('base64url');
      const text = writeToken(secret, { login, secret: tokenSecret });
      expect(text.length).toBe(86);
      const token = readToken(secret, text);
      expect(token?.login).toBe(login);
      const next = writeToken(secret, successorOf(secret, { login, secret: tokenSecret }));
      if (token !== undefined) expect(writeToken(secret, successorOf(secret, token))).toBe(next);
      expect(next).not.toBe(text);
    }),
  );
});

test('readToken: any change or another server, undefined', () => {
  const login = randomBytes(16).toString('base64url');
  const text = writeToken(secret, { login, secret: randomBytes(32) });
  fc.assert(
    fc.property(fc.nat(63), fc.integer({ min: 1, max: 255 }), (at, xor) => {
      const forged = Buffer.from(text, 'base64url');
      forged[at] = (forged[at] ?? 0) ^ xor;
      expect(readToken(secret, forged.toString('base64url'))).toBeUndefined();
    }),
  );
  expect(readToken(randomBytes(32), text)).toBeUndefined();
  for (const odd of ['', 'x', text.slice(1), `${text}A`, `${text.slice(0, 85)}=`, 'é'.repeat(86)]) {
    expect(readToken(secret, odd)).toBeUndefined();
  }
});
