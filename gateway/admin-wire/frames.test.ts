/** Which frames a client may send on the admin socket. */
import { describe, expect, test } from 'vitest';
import type { AdminFrame } from './codec.ts';
import { parseAdminRequest } from './frames.ts';
import { ADMIN_SUBPROTOCOL, AdminLimits, selectAdminEncoding } from './ops.ts';

describe('parseAdminRequest', () => {
  test.each<[AdminFrame, object]>([
    [[97, 1, 'token'], { op: 'auth', rid: 1, token: 'token' }],
    [
      [100, 2, 'chaos.start', { id: 'n1' }],
      { op: 'call', rid: 2, verb: 'chaos.start', args: { id: 'n1' } },
    ],
    [[100, 2, 'node'], { op: 'call', rid: 2, verb: 'node', args: {} }],
    [[100, 2, 'node', null], { op: 'call', rid: 2, verb: 'node', args: {} }],
    [[101, 3, 'tree', { depth: 2 }], { op: 'sub', rid: 3, topic: 'tree', options: { depth: 2 } }],
    [[102, 4, 7], { op: 'unsub', rid: 4, sub: 7 }],
  ])('%j, read', (frame, wanted) => {
    expect(parseAdminRequest(frame)).toEqual(wanted);
  });

  test.each<[string, AdminFrame]>([
    ['a frame of the server', [96, {}]],
    ['an opcode of a later version', [104, 1]],
    ['no request number', [100]],
    ['request number 0', [100, 0, 'node']],
    ['a negative request number', [100, -1, 'node']],
    ['a request number of 33 bits', [100, 2 ** 32, 'node']],
    ['a fraction as request number', [100, 1.5, 'node']],
    ['text as request number', [100, '1', 'node']],
    ['no verb', [100, 1]],
    ['a verb with capitals', [100, 1, 'Node']],
    ['a verb with a slash', [100, 1, 'a/b']],
    ['a long verb', [100, 1, 'a'.repeat(65)]],
    ['an element too many', [100, 1, 'node', {}, 1]],
    ['AUTH without token', [97, 1]],
    ['AUTH with a number', [97, 1, 5]],
    ['AUTH with a long token', [97, 1, 'x'.repeat(AdminLimits.tokenCharsMax + 1)]],
    ['UNSUB without subscription', [102, 1]],
    ['UNSUB of 0', [102, 1, 0]],
  ])('%s, refused', (_what, frame) => {
    expect(parseAdminRequest(frame)).toBeUndefined();
  });
});

describe('selectAdminEncoding', () => {
  test('the first one offered that is known', () => {
    expect(selectAdminEncoding(`x, ${ADMIN_SUBPROTOCOL.json} ,${ADMIN_SUBPROTOCOL.mp}`)).toBe(
      'json',
    );
    expect(selectAdminEncoding(ADMIN_SUBPROTOCOL.mp)).toBe('mp');
  });

  test("the chat's, none, or of a later version: undefined", () => {
    for (const offered of ['', 'driftway.v1.mp', 'driftway.admin.v2.mp', 'driftway.admin.v1']) {
      expect(selectAdminEncoding(offered)).toBeUndefined();
    }
  });
});
