/** The voice demo page as HTTP serves it: hashed scripts, the policy, and what happens when it cannot be built. */
import { expect, test } from 'vitest';
import { createVoiceDemo } from '../voice-demo.ts';
import { Harness } from './harness.ts';

/** A harness whose demo is bundled by `bundle`; undefined: by esbuild. */
async function harness(bundle?: (entry: string) => Promise<string>) {
  const plain = await Harness.create();
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const { clock } = plain;
  const voiceDemo = createVoiceDemo({ clock, log, ...(bundle === undefined ? {} : { bundle }) });
  return { clock, h: await Harness.create({ voiceDemo }) };
}

test('/voice-demo: the page names its scripts and style by their content, under a strict policy', async () => {
  const { h } = await harness(async (entry) => `/* ${entry} */`);
  const page = await h.ask('GET', '/voice-demo');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('cache-control')).toBe('no-cache');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe-inline');
  expect(page.text).not.toContain('{{');
  const files = [...page.text.matchAll(/"(\/voice-demo\/[a-z0-9.-]+)"/g)].map(
    ([, path]) => path ?? '',
  );
  expect(files).toHaveLength(4);
  for (const path of files) {
    const file = await h.ask('GET', path);
    expect(file.status).toBe(200);
    expect(file.headers.get('content-type')).toMatch(/^text\/(javascript|css); charset=utf-8$/);
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  }
});

test('/voice-demo: a file that is not part of it is 404, another method 405', async () => {
  const { h } = await harness(async () => '');
  expect((await h.ask('GET', '/voice-demo/main-0000000000000000.js')).status).toBe(404);
  expect((await h.ask('GET', '/voice-demo/..%2findex.html')).status).toBe(404);
  expect((await h.ask('POST', '/voice-demo')).status).toBe(405);
});

test('/voice-demo: built once for many requests, and only when asked for', async () => {
  let built = 0;
  const { h } = await harness(async () => {
    built += 1;
    return '';
  });
  expect(built).toBe(0);
  await Promise.all([h.ask('GET', '/voice-demo'), h.ask('GET', '/voice-demo')]);
  await h.ask('GET', '/voice-demo');
  expect(built).toBe(3);
});

test('/voice-demo: cannot be built, 503, and tried again 10 s later', async () => {
  let isBroken = true;
  let tries = 0;
  const { h, clock } = await harness(async () => {
    tries += 1;
    if (isBroken) throw new Error('no esbuild');
    return '';
  });
  expect((await h.ask('GET', '/voice-demo')).status).toBe(503);
  isBroken = false;
  expect((await h.ask('GET', '/voice-demo')).status).toBe(503);
  expect(tries).toBe(3);
  clock.ms += 10_000;
  expect((await h.ask('GET', '/voice-demo')).status).toBe(200);
});

test('/voice-demo: without a demo there is no page', async () => {
  const h = await Harness.create();
  expect((await h.ask('GET', '/voice-demo')).status).toBe(404);
});

test('createVoiceDemo: esbuild makes three scripts that a browser can parse, with the noise suppression inside', async () => {
  const { h } = await harness();
  const page = await h.ask('GET', '/voice-demo');
  expect(page.status).toBe(200);
  const path = (name: string): string =>
    new RegExp(`/voice-demo/${name}-[0-9a-f]+\\.js`).exec(page.text)?.[0] ?? '';
  const [main, mic, e2ee] = await Promise.all(
    ['main', 'mic', 'e2ee'].map(async (name) => (await h.ask('GET', path(name))).text),
  );
  for (const script of [main, mic, e2ee]) expect(() => new Function(script ?? '')).not.toThrow();
  expect(mic?.length).toBeGreaterThan(140_000);
  expect(main).toContain('driftway-voice-demo');
  expect(e2ee).toContain('onrtctransform');
});
