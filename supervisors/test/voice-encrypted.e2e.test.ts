/**
 * End-to-end encryption of the demo page in real Chromium windows (V15): who has the secret hears, a stranger hears silence, and what the
 * server records is noise.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { audioBinary } from '../../native/audio/index.ts';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { TestBrowser, type VoiceWindow } from './support/browser.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';
import { likeness, readWav } from './support/speech.ts';

const BUILD_MAX_MS = 900_000;
const ROOM_KEY = 'driftway.voice.room';
/** Of speech in a recording to the speech that was said, and of noise. */
const ALIKE = 0.5;
const UNLIKE = 0.35;
/** Packets of a recording: three seconds. */
const RECORDED = 150;

// Real browsers in real time, with a machine full of other tests.
vi.setConfig({ testTimeout: 90_000 });

interface Manifest {
  readonly end: string | null;
  readonly tracks: readonly { readonly segments: readonly { readonly file: string }[] }[];
}

const fixture = useServer({
  users: 0,
  env: { DRIFTWAY_VOICE_PORT: '0', DRIFTWAY_VOICE_WORKERS: '1' },
});
let browser: TestBrowser;
let folder = '';
const windows: VoiceWindow[] = [];

beforeAll(async () => {
  const binaries = [await mediaWorkerBinary(), await audioBinary({ background: false })];
  for (const binary of binaries) if (!binary.ok) throw new Error(binary.message);
  browser = await TestBrowser.launch();
  folder = mkdtempSync(join(tmpdir(), 'driftway-heard-'));
}, BUILD_MAX_MS);
afterEach(async () => {
  await windows[0]?.page.evaluate((key) => localStorage.removeItem(key), ROOM_KEY);
  for (const { page } of windows.splice(0)) await page.close({ runBeforeUnload: false });
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(name: string, link = ''): Promise<VoiceWindow> {
  const url = link === '' ? `http://127.0.0.1:${fixture.port}/voice-demo` : link;
  const window = await browser.window(url, name);
  windows.push(window);
  return window;
}

const withSecret = (link: string, secret: string): string =>
  `${link.replace(/&secret=[^&]*/, '')}&secret=${secret}`;

/** The channel of a link, and what its maker may do over HTTP. */
async function roomOf(window: VoiceWindow): Promise<{ path: string; sid: string; token: string }> {
  const sid = new URLSearchParams(new URL(window.link).hash.slice(1)).get('channel') ?? '';
  const account = await window.page.evaluate(() =>
    sessionStorage.getItem('driftway.voice.account'),
  );
  const { accessToken } = JSON.parse(account ?? '{}') as { accessToken: string };
  return { path: `/channels/${sid}/recording`, sid, token: accessToken };
}

async function e2ee(window: VoiceWindow): Promise<Readonly<Record<string, number>>> {
  const text = await window.page.getAttribute('body', 'data-e2ee-counts');
  return JSON.parse(text ?? '{}') as Record<string, number>;
}

/** Has the room recorded while the listener hears so many packets; how alike the tracks are to what everybody says. */
async function recorded(owner: VoiceWindow, listener: VoiceWindow): Promise<readonly number[]> {
  const { path, sid, token } = await roomOf(owner);
  const rooms = join(fixture.server.dataDir, 'voice', 'recordings', sid);
  await fixture.http.want(204, path, { method: 'PUT', token });
  const [before] = await listener.heard();
  await listener.page.waitForFunction(
    (min) => {
      const row = document.querySelector<HTMLElement>('#people li[data-stats]');
      return JSON.parse(row?.dataset.stats ?? '{"packets":0}').packets >= min;
    },
    (before?.packets ?? 0) + RECORDED,
  );
  await fixture.http.want(204, path, { method: 'DELETE', token });
  const at = join(rooms, readdirSync(rooms).sort().at(-1) ?? '');
  const { tracks } = await until('the manifest', 20_000, () => {
    const manifest = JSON.parse(readFileSync(join(at, 'manifest.json'), 'utf8')) as Manifest;
    return manifest.end === null ? undefined : manifest;
  });
  return tracks.flatMap(({ segments }) => segments).map(({ file }) => heardIn(join(at, file)));
}

/** Of a file that no decoder takes nothing is heard. */
function heardIn(file: string): number {
  const wav = join(folder, 'heard.wav');
  try {
    execFileSync('opusdec', ['--quiet', '--rate', '48000', '--force-wav', file, wav]);
  } catch {
    return 0;
  }
  return likeness(readWav(wav), browser.speech);
}

test('voice demo: encrypted, who has the secret hears and a stranger hears silence, recording is refused (V15)', async () => {
  const alice = await open('Alice');
  await alice.page.check('#encrypt');
  await alice.join();
  const bob = await open('Bob', alice.link);
  const eve = await open('Eve', withSecret(alice.link, 'quite-another-secret'));
  await bob.join();
  await eve.join();
  await bob.hears(100);
  await eve.page.waitForFunction(() => {
    const row = document.querySelector<HTMLElement>('#people li[data-stats]');
    return JSON.parse(row?.dataset.stats ?? '{"packets":0}').packets >= 50;
  });
  const { dropped, opened } = await e2ee(bob);
  expect(dropped).toBe(0);
  expect(opened).toBeGreaterThan(50);
  expect((await e2ee(eve)).opened).toBe(0);
  for (const { energy } of await eve.heard()) expect(energy).toBeLessThan(0.001);
  const { path, token } = await roomOf(alice);
  expect((await fixture.http.api(path, { method: 'PUT', token })).status).toBe(422);
});

test('voice demo: recorded, the server has what was said; recorded with a secret, it has noise (V15)', async () => {
  const alice = await open('Alice');
  await alice.join();
  const bob = await open('Bob', alice.link);
  await bob.join();
  await bob.hears(25);
  const clear = await recorded(alice, bob);
  expect(clear).toHaveLength(2);
  for (const likeness of clear) expect(likeness).toBeGreaterThan(ALIKE);
  // The same room, which does not ask for encryption and so lets itself be recorded.
  const link = withSecret(alice.link, 'a-secret-of-the-two');
  for (const window of [alice, bob]) {
    await window.leave();
    await window.page.evaluate((to) => location.assign(to), link);
    await window.join();
  }
  await bob.hears(25);
  const sealed = await recorded(alice, bob);
  expect(sealed).toHaveLength(2);
  for (const likeness of sealed) expect(likeness).toBeLessThan(UNLIKE);
  expect((await e2ee(bob)).opened).toBeGreaterThan(50);
});
