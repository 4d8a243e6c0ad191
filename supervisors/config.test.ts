/** Tests of the configuration: defaults, sources, faults, relations, and the table in README.md. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type Config, loadConfig, renderConfigTable, threadsFor, withPort } from './config.ts';
import {
  envName,
  flagName,
  keyName,
  peekFlags,
  peekSetting,
  type Sources,
} from './config-source.ts';
import type { VoiceConfig } from './config-voice.ts';

/** Where the settings of voice are. */
const OF_VOICE = ({ mode, port }: VoiceConfig): Record<string, unknown> => {
  return { voice: mode, voicePort: port };
};

const folder = mkdtempSync(join(tmpdir(), 'driftway config '));
afterAll(() => rmSync(folder, { recursive: true }));

function sources(env: Record<string, string> = {}, flags: Record<string, string> = {}): Sources {
  return { env, flags, cwd: folder };
}

function good(env: Record<string, string> = {}, flags: Record<string, string> = {}): Config {
  const loaded = loadConfig(sources(env, flags), 2);
  if (!loaded.ok) throw new Error(loaded.message);
  return loaded.config;
}

function fault(env: Record<string, string>, flags: Record<string, string> = {}): string {
  const loaded = loadConfig(sources(env, flags), 2);
  return loaded.ok ? 'no fault' : loaded.message;
}

function withFile<T>(content: string, use: (path: string) => T): T {
  const path = join(folder, 'driftway.config.json');
  writeFileSync(path, content);
  try {
    return use(path);
  } finally {
    rmSync(path);
  }
}

test('loadConfig: nothing is set, gives the defaults of api.md, frozen', () => {
  const config = good();
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 7000,
    publicUrl: 'http://127.0.0.1:7000',
    dataDir: join(folder, 'data'),
    gatewayThreads: 1,
    shardThreads: 1,
    registration: 'open',
    limits: 'public',
    accessTokenTtlS: 900,
    refreshTokenTtlS: 2_592_000,
    tokenAlg: 'EdDSA',
    replayMax: 5000,
    stopTimeoutMs: 10_000,
    heart: 'on',
    admin: 'auto',
    voice: {
      mode: 'auto',
      workers: 1,
      port: 40_000,
      announcedIpv4: null,
      announcedIpv6: null,
      turnUrls: [],
      turnSecret: null,
      mediaWorkerBin: null,
    },
    logLevel: 'info',
    logFormat: 'auto',
    tlsCert: null,
  });
  expect(Object.isFrozen(config)).toBe(true);
  expect(() => structuredClone(config)).not.toThrow();
});

test('loadConfig: a key in several sources, flag wins over environment over file', () => {
  withFile(
    '{ "port": 1, "replayMax": 10, "corsOrigins": ["https://a.example"], "limits": "trusted" }',
    () => {
      const config = good({ DRIFTWAY_PORT: '2', DRIFTWAY_REPLAY_MAX: '20' }, { port: '3' });
      expect(config).toMatchObject({
        port: 3,
        replayMax: 20,
        limits: 'trusted',
        corsOrigins: ['https://a.example'],
      });
    },
  );
});

test('loadConfig: an empty variable and DRIFTWAY_TEST_ ones, are left alone', () => {
  expect(
    good({ DRIFTWAY_PORT: '', DRIFTWAY_TEST_NATS_URL: 'x', DRIFTWAY_TEST_PROT: '1' }).port,
  ).toBe(7000);
});

test.each([
  [{ DRIFTWAY_PORT: '70000' }, 'DRIFTWAY_PORT: got "70000", wanted an integer from 0 to 65535'],
  [{ DRIFTWAY_PORT: '1e3' }, 'DRIFTWAY_PORT: got "1e3", wanted an integer from 0 to 65535'],
  [
    { DRIFTWAY_PROT: '7' },
    'DRIFTWAY_PROT: unknown key, wanted a known one; the nearest is DRIFTWAY_PORT',
  ],
  [
    { DRIFTWAY_DATADIR: 'x' },
    'DRIFTWAY_DATADIR: unknown key, wanted a known one; the nearest is DRIFTWAY_DATA_DIR',
  ],
  [{ DRIFTWAY_LIMITS: 'none' }, 'DRIFTWAY_LIMITS: got "none", wanted public or trusted'],
  [{ DRIFTWAY_HEART: 'yes' }, 'DRIFTWAY_HEART: got "yes", wanted on or off'],
  [{ DRIFTWAY_HOST: 'a b' }, 'DRIFTWAY_HOST: got "a b", wanted a host name or address'],
  [{ DRIFTWAY_VOICE: 'on' }, 'DRIFTWAY_VOICE: got "on", wanted auto or off'],
  [
    { DRIFTWAY_VOICE_ANNOUNCED_IPV4: '300.1.1.1' },
    'DRIFTWAY_VOICE_ANNOUNCED_IPV4: got "300.1.1.1", wanted an IPv4 address or a host name',
  ],
  [
    { DRIFTWAY_TURN_URLS: 'http://t' },
    'DRIFTWAY_TURN_URLS: got "http://t", wanted up to 8 URLs (stun:, turn:, turns:)',
  ],
  [
    { DRIFTWAY_TURN_SECRET_FILE: 'none' },
    'DRIFTWAY_TURN_SECRET_FILE: got "none", wanted the path of a readable file',
  ],
  [{ DRIFTWAY_HOST: '1:2' }, 'DRIFTWAY_HOST: got "1:2", wanted a host name or address'],
  [
    { DRIFTWAY_ACCESS_TOKEN_TTL_S: '9' },
    'DRIFTWAY_ACCESS_TOKEN_TTL_S: got "9", wanted an integer from 10 to 604800',
  ],
  [
    { DRIFTWAY_PUBLIC_URL: 'https://a.example/chat' },
    'DRIFTWAY_PUBLIC_URL: got "https://a.example/chat", wanted an http or https URL without a path',
  ],
  [
    { DRIFTWAY_CORS_ORIGINS: 'https://a.example,ftp://b' },
    'DRIFTWAY_CORS_ORIGINS: got "https://a.example,ftp://b", wanted http or https origins',
  ],
])('loadConfig: %j, names the key, the value and what is allowed', (env, wanted) => {
  expect(fault(env)).toContain(wanted);
});

test('loadConfig: several faults, names each in a line of its own', () => {
  expect(
    fault({ DRIFTWAY_PORT: 'x', DRIFTWAY_HEART: 'y' }, { nosuch: '1' }).split('\n'),
  ).toHaveLength(3);
});

test('loadConfig: an unknown key or a cluster URL, does not show its value', () => {
  const text = fault({ DRIFTWAY_PASWORD: 'hunter2', DRIFTWAY_MONGO_URL: 'hunter2' });
  expect(text).toContain('DRIFTWAY_MONGO_URL');
  expect(text).not.toContain('hunter2');
  expect(fault({ DRIFTWAY_NATS_URL: 'nats://u:hunter2@x' })).toMatch(
    /^DRIFTWAY_NATS_URL: .* no cluster mode yet$/,
  );
});

describe('loadConfig: relations', () => {
  test('one TLS file without the other, is a fault', () => {
    const cert = join(folder, 'cert.pem');
    writeFileSync(cert, 'x');
    expect(fault({ DRIFTWAY_TLS_CERT: cert })).toContain('without DRIFTWAY_TLS_KEY');
    expect(good({ DRIFTWAY_TLS_CERT: 'cert.pem', DRIFTWAY_TLS_KEY: cert })).toMatchObject({
      tlsCert: cert,
      publicUrl: 'https://127.0.0.1:7000',
    });
    expect(fault({ DRIFTWAY_TLS_CERT: 'none.pem' })).toContain(
      'got "none.pem", wanted the path of a readable PEM file',
    );
  });

  test('a refresh token that lives shorter than an access token, is a fault', () => {
    expect(fault({ DRIFTWAY_REFRESH_TOKEN_TTL_S: '800' })).toContain(
      'wanted at least DRIFTWAY_ACCESS_TOKEN_TTL_S, which is 900',
    );
  });

  test('voice: a TURN server wants one secret, ports stay below the last and beside the own', () => {
    const secret = 'a secret of some length';
    const file = join(folder, 'turn');
    writeFileSync(file, ` ${secret}\n`);
    const turn = { DRIFTWAY_TURN_URLS: 'turn:t.example:3478, stun:t.example' };
    expect(fault(turn)).toContain('DRIFTWAY_TURN_URLS: got a TURN server without a secret');
    expect(good({ DRIFTWAY_TURN_URLS: 'stun:t.example' }).voice.turnUrls).toEqual([
      'stun:t.example',
    ]);
    for (const [key, value] of [
      ['DRIFTWAY_TURN_SECRET', secret],
      ['DRIFTWAY_TURN_SECRET_FILE', 'turn'],
    ] as const) {
      expect(good({ ...turn, [key]: value }).voice.turnSecret).toBe(secret);
    }
    const both = { ...turn, DRIFTWAY_TURN_SECRET: secret, DRIFTWAY_TURN_SECRET_FILE: file };
    expect(fault(both)).toContain('got both, wanted one');
    expect(fault({ DRIFTWAY_TURN_SECRET: 'hunter2' })).not.toContain('hunter2');
    expect(fault({ DRIFTWAY_VOICE_PORT: '65535' })).toContain('wanted at most 65534');
    expect(fault({ DRIFTWAY_VOICE_PORT: '6999' })).toContain("without the server's own, 7000");
    expect(good({ DRIFTWAY_VOICE_PORT: '0', DRIFTWAY_PORT: '1' }).voice.port).toBe(0);
  });

  test('voice: workers by cores, at least one', () => {
    const loaded = loadConfig(sources(), 8);
    expect(loaded.ok && loaded.config.voice.workers).toBe(7);
    expect(good({ DRIFTWAY_VOICE_WORKERS: '3' }).voice.workers).toBe(3);
  });

  test('more threads than there are slots, is a fault', () => {
    expect(fault({ DRIFTWAY_GATEWAY_THREADS: '48', DRIFTWAY_SHARD_THREADS: '9' })).toContain(
      'got 57 together, wanted at most 56',
    );
  });
});

test.each([
  'not json',
  '[]',
  '{ "prot": 1 }',
  '{ "PORT": 1 }',
  '{ "port": "x" }',
  '{ "config": "y" }',
])('loadConfig: file %s, is a fault that names the file', (content) => {
  withFile(content, (path) => expect(fault({})).toContain(path));
});

test('loadConfig: DRIFTWAY_CONFIG names a file that is not there, is a fault', () => {
  expect(fault({ DRIFTWAY_CONFIG: 'none.json' })).toContain(
    'DRIFTWAY_CONFIG: got "none.json", wanted a readable JSON file',
  );
});

test('loadConfig: PUBLIC_URL derived, knows wildcards and IPv6', () => {
  expect(good({ DRIFTWAY_HOST: '0.0.0.0' }).publicUrl).toBe('http://localhost:7000');
  expect(good({ DRIFTWAY_HOST: '::1', DRIFTWAY_PORT: '80' }).publicUrl).toBe('http://[::1]');
  expect(good({ DRIFTWAY_PUBLIC_URL: 'https://chat.example/' }).publicUrl).toBe(
    'https://chat.example',
  );
});

test('withPort: a port that the system chose, changes only a derived PUBLIC_URL', () => {
  expect(withPort(good({ DRIFTWAY_PORT: '0' }), 4711)).toMatchObject({
    port: 4711,
    publicUrl: 'http://127.0.0.1:4711',
  });
  expect(withPort(good({ DRIFTWAY_PUBLIC_URL: 'https://c.example' }), 1).publicUrl).toBe(
    'https://c.example',
  );
});

test('threadsFor: any number of cores, gives 1 and 1 up to two and about 60 % gateways above', () => {
  expect(threadsFor(1)).toEqual({ gateways: 1, shards: 1 });
  expect(threadsFor(2)).toEqual({ gateways: 1, shards: 1 });
  expect(threadsFor(4)).toEqual({ gateways: 2, shards: 2 });
  expect(threadsFor(8)).toEqual({ gateways: 5, shards: 3 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1024 }), (cores) => {
      const loaded = loadConfig(sources(), cores);
      expect(loaded.ok).toBe(true);
    }),
  );
});

test('names: key to variable, flag and back, is the same key', () => {
  for (const [key, env, flag] of [
    ['accessTokenTtlS', 'ACCESS_TOKEN_TTL_S', 'access-token-ttl-s'],
    ['port', 'PORT', 'port'],
  ] as const) {
    expect([envName(key), flagName(key), keyName(env), keyName(flag)]).toEqual([
      env,
      flag,
      key,
      key,
    ]);
  }
});

test('peekSetting: the heart switch, is found in flag, environment and file', () => {
  expect(peekSetting(sources({}, peekFlags(['start', '--heart', 'off'])), 'heart')).toBe('off');
  expect(peekSetting(sources({}, peekFlags(['--heart=off'])), 'heart')).toBe('off');
  expect(peekSetting(sources({ DRIFTWAY_HEART: 'off' }), 'heart')).toBe('off');
  withFile('{ "heart": "off" }', () => expect(peekSetting(sources(), 'heart')).toBe('off'));
  withFile('damaged', () => expect(peekSetting(sources(), 'heart')).toBeUndefined());
});

test('renderConfigTable: every default it shows, is the one in force', () => {
  const config = good() as unknown as Record<string, unknown>;
  const rows = [...renderConfigTable().matchAll(/^\| `([A-Z_]+)` \| `([^`]+)` \|/gm)];
  expect(rows.length).toBeGreaterThan(12);
  for (const [, name = '', shown = ''] of rows) {
    if (name === 'CONFIG' || name === 'DATA_DIR') continue;
    const inForce = { ...config, ...OF_VOICE(config.voice as VoiceConfig) };
    expect([name, String(inForce[keyName(name)])]).toEqual([name, shown]);
  }
});

test('README.md: its table of settings, is the generated one', () => {
  const path = new URL('../README.md', import.meta.url);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const shown = /<!-- config:start -->\n([\s\S]*?)\n<!-- config:end -->/.exec(text)?.[1]?.trim();
  expect(shown, 'write it with: node supervisors/config-table.ts').toBe(renderConfigTable());
});
