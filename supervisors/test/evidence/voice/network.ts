/**
 * Part of the driver `voice`: real browsers whose media goes through a bad network: made-up sound (V10), and the longest time that they
 * hear nothing when the network changes (V13).
 */
import { V } from '../../../../voice/test/index.ts';
import type { TestBrowser, VoiceWindow } from '../../support/browser.ts';
import { endProbe, startProbe } from '../../support/browser-probe.ts';
import { until } from '../../support/server-process.ts';
import type { VoiceNetwork } from '../../support/voice-network.ts';
import type { VoicePart } from './types.ts';

/** V10: packets lost on each way, and sound made up at the listener. */
const LOSSES = [
  { loss: 0.05, most: 0.04 },
  { loss: 0.15, most: 0.08 },
];
/** V13. */
const RESTART_MS = 200;
const REBIND_MS = 4_000;
const BLOCKED_MS = 6_000;
const BACK_MAX_MS = 30_000;

interface Call {
  readonly network: VoiceNetwork;
  readonly alice: VoiceWindow;
  readonly bob: VoiceWindow;
}

export async function networkPart(
  at: VoicePart,
  network: VoiceNetwork,
  browser: TestBrowser,
): Promise<void> {
  const [alice, bob] = [
    await browser.window(network.url, 'Alice'),
    await browser.window(network.url, 'Bob'),
  ];
  await alice.join();
  await bob.join();
  await bob.hears(50);
  const call = { network, alice, bob };
  await losses(at, call);
  const { networks } = at.settings;
  const [restart, rebind, blocked, joined] = [[], [], [], []] as number[][];
  for (let i = 0; i < networks; i += 1) {
    restart?.push(await gap(call, () => restartIce(call)));
    rebind?.push(await gap(call, () => network.rebind()));
    blocked?.push(await gap(call, () => block(call)));
    joined?.push(await joinBlocked(call));
    network.heal();
    await anew(call);
  }
  const { verdict } = at;
  verdict.progress(`${networks} times: ICE restart, another NAT, UDP blocked`);
  verdict.time('V13 nothing heard at an ICE restart, the longest', most(restart), 'ms', RESTART_MS);
  verdict.time('V13 nothing heard when a NAT forgets', most(rebind), 'ms', REBIND_MS);
  verdict.time('V13 nothing heard when UDP is blocked in a call', most(blocked), 'ms', BLOCKED_MS);
  verdict.time('V13 UDP blocked, from the click to sound', most(joined), 'ms', BLOCKED_MS);
}

async function losses({ settings, verdict }: VoicePart, { network, bob }: Call): Promise<void> {
  for (const { loss, most: bar } of LOSSES) {
    network.impair({ loss, delayMs: 20, jitterMs: 20 });
    await startProbe(bob.page);
    await bob.plays(settings.seconds);
    const { concealed, samples } = await endProbe(bob.page);
    network.heal();
    const what = `V10 speech made up, ${100 * loss} % lost on each way`;
    verdict.time(what, (100 * concealed) / samples, '%', 100 * bar);
  }
}

/** The longest time that Bob gets no packet, from the fault until Alice is heard again for a while. */
async function gap({ bob }: Call, fault: () => Promise<void>): Promise<number> {
  await startProbe(bob.page);
  const [before] = await bob.heard();
  await fault();
  await bob.hears(25, before);
  return (await endProbe(bob.page)).longestMs;
}

async function restartIce({ bob }: Call): Promise<void> {
  const before = bob.asked(V.ice);
  await bob.page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  await until('ICE of both ways', BACK_MAX_MS, () =>
    bob.asked(V.ice) >= before + 2 ? true : undefined,
  );
}

async function block({ network, bob }: Call): Promise<void> {
  network.blockUdp(true);
  await bob.page.waitForSelector('body[data-via="tcp"]');
}

/** Bob leaves and comes back while UDP is blocked; ms from the click until Alice is heard. */
async function joinBlocked({ bob }: Call): Promise<number> {
  await bob.leave();
  const clickedMs = performance.now();
  await bob.join();
  await bob.measured('heardMs');
  return performance.now() - clickedMs;
}

/** Both over UDP again. */
async function anew({ alice, bob }: Call): Promise<void> {
  for (const window of [alice, bob]) await window.leave();
  for (const window of [alice, bob]) await window.join();
  await bob.page.waitForSelector('body[data-via="udp"]');
  await bob.hears(25);
}

function most(values: readonly number[] | undefined): number {
  return Math.max(...(values ?? []));
}
