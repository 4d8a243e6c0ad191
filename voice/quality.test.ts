/** Advice to encoders from sampled loss. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DownlinkQuality, lossOf, UplinkQuality, wantsFec } from './quality.ts';

const VOICE = { bitrate: 40_000, music: false };
const calm = { ptime: 20, dtx: true, fec: false };

describe('UplinkQuality', () => {
  test('sample: loss over 5 %, the second sample steps down, and again', () => {
    const uplink = new UplinkQuality(VOICE);
    expect(uplink.sample(0.06, 0)).toBeNull();
    expect(uplink.sample(0.06, 2_000)).toEqual({ ...calm, maxBitrate: 24_000 });
    expect(uplink.sample(0.06, 4_000)).toBeNull();
    expect(uplink.sample(0.06, 6_000)).toEqual({ ...calm, maxBitrate: 16_000, ptime: 40 });
    expect(uplink.sample(0.5, 8_000)).toBeNull();
  });

  test('sample: 20 s without loss, step up one at a time', () => {
    const uplink = new UplinkQuality(VOICE);
    uplink.sample(0.2, 0);
    uplink.sample(0.2, 2_000);
    const told: [number, number][] = [];
    for (let at = 4_000; at <= 60_000; at += 2_000) {
      const advice = uplink.sample(0, at);
      if (advice !== null) told.push([at, advice.maxBitrate]);
    }
    expect(told).toEqual([
      [24_000, 24_000],
      [44_000, 40_000],
    ]);
  });

  test('sample: one bad sample between good ones, changes nothing but the wait', () => {
    const uplink = new UplinkQuality(VOICE);
    uplink.sample(0.2, 0);
    for (let at = 2_000; at < 18_000; at += 2_000) expect(uplink.sample(0, at)).toBeNull();
    expect(uplink.sample(0.06, 18_000)).toBeNull();
    expect(uplink.sample(0, 22_000)).toBeNull();
    expect(uplink.sample(0, 42_000)).toMatchObject({ maxBitrate: 40_000 });
  });

  test('configure: another bitrate of the channel, is told unless a step is below it', () => {
    const uplink = new UplinkQuality(VOICE);
    expect(uplink.configure({ bitrate: 64_000, music: false })).toMatchObject({
      maxBitrate: 64_000,
    });
    uplink.sample(0.2, 0);
    expect(uplink.configure({ bitrate: 32_000, music: false })).toBeNull();
    expect(uplink.configure({ bitrate: 100_000, music: true })).toEqual({
      maxBitrate: 60_000,
      ptime: 20,
      dtx: false,
      fec: false,
    });
  });

  test('sample: any losses, the advice stays within the channel and is told only when it changes', () => {
    const losses = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 });
    fc.assert(
      fc.property(losses, fc.boolean(), (samples, music) => {
        const uplink = new UplinkQuality({ bitrate: 32_000, music });
        let last = JSON.stringify({ maxBitrate: 32_000, ptime: 20, dtx: !music, fec: false });
        samples.forEach((loss, i) => {
          const advice = uplink.sample(loss, i * 2_000);
          if (advice === null) return;
          expect(advice.maxBitrate).toBeLessThanOrEqual(32_000);
          expect(advice.maxBitrate).toBeGreaterThan(10_000);
          expect(JSON.stringify(advice)).not.toBe(last);
          last = JSON.stringify(advice);
        });
      }),
    );
  });
});

describe('DownlinkQuality', () => {
  test('sample: loss for 6 s, suffers; none for 6 s, does not', () => {
    const downlink = new DownlinkQuality();
    expect(downlink.sample(0.1, 0)).toBe(false);
    expect(downlink.sample(0.1, 5_999)).toBe(false);
    expect(downlink.sample(0.1, 6_000)).toBe(true);
    expect(downlink.suffers).toBe(true);
    expect(downlink.sample(0, 7_000)).toBe(false);
    expect(downlink.sample(0.1, 12_000)).toBe(false);
    expect(downlink.sample(0, 13_000)).toBe(false);
    expect(downlink.sample(0, 19_000)).toBe(true);
    expect(downlink.suffers).toBe(false);
  });
});

describe('wantsFec', () => {
  test.each([
    [false, 1, 4, false],
    [false, 2, 7, true],
    [true, 1, 8, true],
    [true, 1, 10, false],
    [true, 0, 0, false],
  ])('wantsFec: on %s, %i of %i suffer, %s', (isOn, suffering, listeners, wanted) => {
    expect(wantsFec(isOn, suffering, listeners)).toBe(wanted);
  });
});

describe('lossOf', () => {
  test.each([
    ['nothing was sent', 0, 0, 0, 0],
    ['one in ten is missing', 90, 10, 0, 0.1],
    ['all came, but one in ten at the second try', 100, 0, 10, 0.1],
    ['more were asked for than there were', 10, 0, 100, 1],
    ['a counter that went back', 100, -5, 0, 0],
  ])('lossOf: %s', (_what, received, lost, asked, loss) => {
    expect(lossOf(received, lost, asked)).toBe(loss);
  });
});
