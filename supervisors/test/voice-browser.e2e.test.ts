/**
 * The demo page of a real server in real Chromium windows whose microphones speak: people who join hear each other, through bad networks
 * (V10, V13) and over what happens to media workers (V9, a planned move). How long it takes is in `npm run evidence -- voice`; end-to-end
 * encryption is in voice-encrypted.e2e.test.ts.
 */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { V } from '../../voice/test/index.ts';
import { TestBrowser, type VoiceWindow } from './support/browser.ts';
import { endProbe, startProbe } from './support/browser-probe.ts';
import { percentile } from './support/driver.ts';
import { MediaWorkers } from './support/media-workers.ts';
import { ServerProcess, until } from './support/server-process.ts';
import { VoiceNetwork } from './support/voice-network.ts';

const WORKER_MAX_MS = 600_000;
/** V10 looks at so many seconds of sound, one by one: when the machine stands still for a moment, sound is made up as well. */
const LOSSY_S = 5;

// Real browsers in real time, with a machine full of other tests.
vi.setConfig({ testTimeout: 90_000 });

let browser: TestBrowser;
let alice: VoiceWindow;
let bob: VoiceWindow;

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
  browser = await TestBrowser.launch();
}, WORKER_MAX_MS);
afterAll(async () => {
  await browser.close();
});

async function meet(url: string): Promise<void> {
  [alice, bob] = [await browser.window(url, 'Alice'), await browser.window(url, 'Bob')];
  await alice.join();
  await bob.join();
}

async function part(): Promise<void> {
  for (const { page } of [alice, bob]) await page.close({ runBeforeUnload: false });
}

const pages = (): readonly Page[] => [alice.page, bob.page];

/** Both hear the other from now on. */
async function bothHear(packets = 25): Promise<void> {
  const [[atAlice], [atBob]] = await Promise.all([alice.heard(), bob.heard()]);
  await Promise.all([alice.hears(packets, atAlice), bob.hears(packets, atBob)]);
}

/** Both hear the other over new connections, which have just taken over. */
async function bothHearAnew(): Promise<void> {
  const forget = (): void => {
    for (const row of document.querySelectorAll<HTMLElement>('#people li'))
      delete row.dataset.stats;
  };
  await Promise.all(pages().map((page) => page.evaluate(forget)));
  await Promise.all([alice.hears(10), bob.hears(10)]);
}

/** Writes down every state of the page from now on. */
function noteStates(page: Page): Promise<void> {
  return page.evaluate(() => {
    const { dataset } = document.body;
    const isNoting = dataset.statesSeen !== undefined;
    dataset.statesSeen = '';
    if (isNoting) return;
    const note = (): void => {
      dataset.statesSeen += `${dataset.state} `;
    };
    new MutationObserver(note).observe(document.body, { attributeFilter: ['data-state'] });
  });
}

const statesSeen = (page: Page) => page.getAttribute('body', 'data-states-seen');

describe('a server as `npm start` starts it', () => {
  let server: ServerProcess;
  let workers: MediaWorkers;

  beforeAll(async () => {
    // Nothing is set but what keeps it apart from other servers of this machine: folder, addresses and ports.
    server = await ServerProcess.start({
      args: ['native/launch.mjs', 'start'],
      env: { DRIFTWAY_VOICE_PORT: '0' },
    });
    await until('the line that says that voice is ready', WORKER_MAX_MS, () =>
      /voice: the media worker is ready/.test(server.output()) ? true : undefined,
    );
    workers = await MediaWorkers.of(server);
  }, WORKER_MAX_MS);
  afterAll(async () => {
    await part();
    await workers.close();
    await server.dispose();
  });

  test('voice demo: two windows join, both hear each other and nothing is lost', async () => {
    await meet(`http://127.0.0.1:${server.port}/voice-demo`);
    const [atAlice, atBob] = await Promise.all([alice.hears(100), bob.hears(100)]);
    expect(atAlice.lost + atBob.lost).toBe(0);
    expect(await alice.page.textContent('#people li:nth-child(2) .name')).toBe('Bob');
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  });

  test('voice demo: leaves and joins again, is heard each time with one request (V1)', async () => {
    const joins = bob.asked(V.join);
    for (let i = 1; i <= 3; i += 1) {
      await bob.leave();
      await bob.join();
      await bob.hears(10);
      expect(bob.asked(V.join)).toBe(joins + i);
      expect(await bob.measured('heardMs')).toBeGreaterThan(0);
    }
    await bothHear();
  });

  test('voice demo: muted, nothing more arrives, and again after it', async () => {
    await alice.page.click('#mute');
    await bob.page.waitForSelector('#people small:text-is("muted")');
    // What was on its way has arrived after a moment of playing.
    const muted = await bob.plays(0.5);
    const later = await bob.plays(1);
    expect(later.packets).toBe(muted.packets);
    await alice.page.click('#mute');
    await bob.hears(25, later);
  });

  test('voice demo: the media worker is emptied for a restart, the call moves and nobody joins anew', async () => {
    await Promise.all(pages().map(noteStates));
    const closed = [alice, bob].map((one) => one.asked(V.close));
    await workers.drain();
    await until('the end of the old ways', 20_000, () =>
      [alice, bob].every((one, i) => one.asked(V.close) === (closed[i] ?? 0) + 2)
        ? true
        : undefined,
    );
    await bothHearAnew();
    for (const page of pages()) expect(await statesSeen(page)).toBe('');
  });

  test('voice demo: the media worker is killed, both join anew by themselves and hear each other again (V9)', async () => {
    await Promise.all(pages().map(noteStates));
    await workers.kill();
    await until('both to be back', 20_000, async () => {
      const seen = await Promise.all(pages().map(statesSeen));
      return seen.every((states) => states === 'reconnecting connected ') ? true : undefined;
    });
    await bothHearAnew();
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  });
});

describe('through a network', () => {
  let network: VoiceNetwork;

  beforeAll(async () => {
    network = await VoiceNetwork.start();
    await meet(network.url);
  }, WORKER_MAX_MS);
  afterEach(() => network.heal());
  afterAll(async () => {
    await part();
    await network.close();
  });

  test.each([0.05, 0.15])(
    'voice demo: %f of the packets lost on each way, less is made up, for what is lost is sent again (V10)',
    async (loss) => {
      await bothHear();
      const before = network.dropped;
      network.impair({ loss, delayMs: 20, jitterMs: 20 });
      await startProbe(bob.page);
      await bob.plays(LOSSY_S);
      const { madeUp } = await endProbe(bob.page);
      expect(network.dropped - before).toBeGreaterThan(20);
      expect(Math.max(...madeUp)).toBeGreaterThan(0);
      // A slow machine makes up sound of its own: how much is in the driver's figures.
      expect(percentile(madeUp, 0.5)).toBeLessThan(1 - (1 - loss) ** 2);
    },
  );

  test('voice demo: the network changes, ICE is restarted on both ways and nothing is lost (V13)', async () => {
    await bothHear();
    const joins = bob.asked(V.join);
    await startProbe(bob.page);
    await bob.page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
    await until('ICE of both ways', 20_000, () => (bob.asked(V.ice) === 2 ? true : undefined));
    await bothHear();
    const { lost } = await endProbe(bob.page);
    expect(lost).toBe(0);
    expect([bob.asked(V.ice), bob.asked(V.join)]).toEqual([2, joins]);
  });

  test('voice demo: a NAT that forgets the clients, they are heard again and nobody joins anew (V13)', async () => {
    await bothHear();
    const joins = bob.asked(V.join);
    await network.rebind();
    await bothHear();
    expect(bob.asked(V.join)).toBe(joins);
  });

  test('voice demo: UDP is blocked during a call, it goes on over TCP and nobody joins anew (V13)', async () => {
    await bothHear();
    const joins = bob.asked(V.join);
    network.blockUdp(true);
    await bob.page.waitForSelector('body[data-via="tcp"]');
    await bothHear();
    expect(bob.asked(V.join)).toBe(joins);
    await bob.state('connected');
  });

  test('voice demo: UDP is blocked, joined over TCP and heard (V13)', async () => {
    network.blockUdp(true);
    await bob.leave();
    await bob.join();
    await bob.hears(10);
    await bob.page.waitForSelector('body[data-via="tcp"]');
  });

  test('voice demo: nothing but TURN is allowed, joined with the credentials of the server, and heard (V13)', async () => {
    await part();
    await meet(`${network.url}?ice=relay`);
    await bothHear();
    await bob.page.waitForSelector('body[data-via="relay"]');
  });
});
