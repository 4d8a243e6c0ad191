/** When a server takes admin connections from outside (setting ADMIN). */
import { describe, expect, test } from 'vitest';
import { sendsAdminTokensPlain, takesRemoteAdmins } from './remote-admin.ts';

describe('takesRemoteAdmins', () => {
  test.each(['127.0.0.1', '127.0.0.9', 'localhost', '::1'])('auto: %s, yes', (host) => {
    expect(takesRemoteAdmins({ admin: 'auto', host })).toBe(true);
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', '127.example'])(
    'auto: %s, no',
    (host) => {
      expect(takesRemoteAdmins({ admin: 'auto', host })).toBe(false);
    },
  );

  test('sendsAdminTokensPlain: a network without TLS and with admins, nothing else', () => {
    const open = { admin: 'on', host: '0.0.0.0', tlsCert: null } as const;
    expect(sendsAdminTokensPlain(open)).toBe(true);
    expect(sendsAdminTokensPlain({ ...open, tlsCert: 'cert.pem' })).toBe(false);
    expect(sendsAdminTokensPlain({ ...open, admin: 'auto' })).toBe(false);
    expect(sendsAdminTokensPlain({ ...open, host: '127.0.0.1' })).toBe(false);
  });

  test('on and off: whatever the host, as said', () => {
    expect(takesRemoteAdmins({ admin: 'on', host: '0.0.0.0' })).toBe(true);
    expect(takesRemoteAdmins({ admin: 'off', host: '127.0.0.1' })).toBe(false);
  });
});
