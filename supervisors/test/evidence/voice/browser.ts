/** Part of the driver `voice`: real browsers on a good network: how soon they hear after a join (V1), and encryption (V15). */

import type { TestBrowser, VoiceWindow } from '../../support/browser.ts';
import { percentile } from '../../support/driver.ts';
import type { VoicePart } from './types.ts';

/** V1. */
const HEARD_P95_MS = 1_500;
/** V15. */
const FRAME_MS = 1;
/** Packets of an encrypted call that are looked at. */
const SEALED = 150;

interface E2eeCounts {
  readonly sealed: number;
  readonly opened: number;
  readonly dropped: number;
  readonly busyMs: number;
}

export async function browserPart(at: VoicePart, browser: TestBrowser): Promise<void> {
  const url = `http://127.0.0.1:${at.server.port}/voice-demo`;
  await joins(at, await browser.window(url, 'Alice'), await browser.window(url, 'Bob'));
  const first = await browser.window(url, 'Alice');
  await first.page.evaluate(() => localStorage.removeItem('driftway.voice.room'));
  await first.page.check('#encrypt');
  await first.join();
  const second = await browser.window(first.link, 'Bob');
  await encryption(at, second);
  await first.page.evaluate(() => localStorage.removeItem('driftway.voice.room'));
  for (const { page } of [first, second]) await page.close({ runBeforeUnload: false });
}

async function joins(at: VoicePart, alice: VoiceWindow, bob: VoiceWindow): Promise<void> {
  const { settings, verdict } = at;
  const [joined, heard] = [[] as number[], [] as number[]];
  await alice.join();
  for (let i = 0; i < settings.joins; i += 1) {
    await bob.join();
    joined.push(await bob.measured('joinedMs'));
    heard.push(await bob.measured('heardMs'));
    await bob.leave();
  }
  verdict.progress(`${settings.joins} joins in a browser`);
  verdict.figure('V1 connected after, half of them', percentile(joined, 0.5), 'ms');
  verdict.figure('V1 first packet after, half of them', percentile(heard, 0.5), 'ms');
  verdict.time('V1 first packet after, p95', percentile(heard, 0.95), 'ms', HEARD_P95_MS);
  for (const { page } of [alice, bob]) await page.close({ runBeforeUnload: false });
}

async function encryption({ verdict }: VoicePart, bob: VoiceWindow): Promise<void> {
  await bob.join();
  await bob.hears(SEALED);
  const text = (await bob.page.getAttribute('body', 'data-e2ee-counts')) ?? '{}';
  const { busyMs, dropped, opened, sealed } = JSON.parse(text) as E2eeCounts;
  verdict.progress('an encrypted call in a browser');
  verdict.figure('V15 frames opened', opened);
  verdict.figure('V15 frames that did not authenticate', dropped, '', 0);
  verdict.time('V15 time per frame', busyMs / (opened + sealed), 'ms', FRAME_MS);
}
