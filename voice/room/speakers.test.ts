/** Who speaks: levels, edges, age, and what is worth telling. */
import { describe, expect, test } from 'vitest';
import { SILENT_AFTER_MS, SPEAKING_EVERY_MS, Speakers } from './speakers.ts';

describe('Speakers', () => {
  test('a level, is told once and again when it changes much', () => {
    const speakers = new Speakers();
    speakers.measured(7, -27, 0);
    expect(speakers.news(0, false)).toEqual({ speaking: [[7, 100]], dominant: 7 });
    speakers.measured(7, -30, 250);
    expect(speakers.news(250, false)).toEqual({ speaking: [] });
    speakers.measured(7, -40, 500);
    expect(speakers.news(500, false)).toEqual({ speaking: [[7, 87]] });
  });

  test('a large room, hears of beginnings and ends only', () => {
    const speakers = new Speakers();
    speakers.measured(7, -27, 0);
    expect(speakers.news(0, true)).toEqual({ speaking: [[7, 100]], dominant: 7 });
    speakers.measured(7, -57, 250);
    expect(speakers.news(250, true)).toEqual({ speaking: [] });
    const { speaking } = speakers.news(250 + SILENT_AFTER_MS, true);
    expect(speaking).toEqual([[7, 0]]);
  });

  test('noise, is not speech', () => {
    const speakers = new Speakers();
    speakers.measured(7, -61, 0);
    expect(speakers.news(0, false)).toEqual({ speaking: [] });
    expect(speakers.isBusy).toBe(false);
  });

  test('no measurement for a while (DTX), is silence within the second and a half of V12', () => {
    const speakers = new Speakers();
    speakers.measured(7, -20, 1000);
    speakers.news(1000, false);
    const lookedAt = 1000 + SILENT_AFTER_MS + SPEAKING_EVERY_MS;
    expect(lookedAt).toBeLessThan(2500);
    expect(speakers.isBusy).toBe(true);
    expect(speakers.news(lookedAt, false)).toEqual({ speaking: [[7, 0]], dominant: 0 });
    expect(speakers.isBusy).toBe(false);
  });

  test('an edge of the client, speaks without a measurement until the next edge', () => {
    const speakers = new Speakers();
    speakers.talking(7, true);
    expect(speakers.news(0, false)).toEqual({ speaking: [[7, 64]] });
    expect(speakers.news(60_000, false)).toEqual({ speaking: [] });
    speakers.talking(7, false);
    expect(speakers.news(60_250, false)).toEqual({ speaking: [[7, 0]] });
  });

  test('the elected one, is dominant while it speaks, and again without another election', () => {
    const speakers = new Speakers();
    speakers.elected(7);
    // mediasoup elects the first producer that there is, whether it sends or not.
    expect(speakers.news(0, false)).toEqual({ speaking: [] });
    speakers.measured(7, -20, 100);
    expect(speakers.news(100, false)).toEqual({ speaking: [[7, 107]], dominant: 7 });
    expect(speakers.news(100 + SILENT_AFTER_MS, false)).toEqual({
      speaking: [[7, 0]],
      dominant: 0,
    });
    speakers.measured(7, -20, 5000);
    expect(speakers.news(5000, false)).toEqual({ speaking: [[7, 107]], dominant: 7 });
  });

  test('before an election, the loudest is dominant, and stays so while it speaks', () => {
    const speakers = new Speakers();
    speakers.measured(7, -30, 0);
    speakers.measured(8, -20, 0);
    expect(speakers.news(0, false).dominant).toBe(8);
    speakers.measured(7, -10, 250);
    speakers.measured(8, -20, 250);
    expect(speakers.news(250, false).dominant).toBeUndefined();
    speakers.elected(7);
    expect(speakers.news(251, false).dominant).toBe(7);
  });

  test('one that left or was muted, falls silent at once', () => {
    const speakers = new Speakers();
    speakers.elected(7);
    speakers.measured(7, -20, 0);
    speakers.talking(8, true);
    speakers.news(0, false);
    speakers.delete(7);
    speakers.delete(8);
    const { dominant, speaking } = speakers.news(1, false);
    expect(dominant).toBe(0);
    expect(speaking).toEqual(
      expect.arrayContaining([
        [7, 0],
        [8, 0],
      ]),
    );
  });
});
