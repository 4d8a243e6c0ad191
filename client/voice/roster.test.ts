/** The roster: whole lists, changes in order, and what counts as missed. */
import { expect, test } from 'vitest';
import { Op, VoiceKind, VoicePart, type WireValue } from '../../gateway/protocol/index.ts';
import { Roster } from './roster.ts';

const frame = (ver: number, kind: number, ...body: readonly WireValue[]) => {
  return { op: Op.VOICE, vsid: 7, ver, kind, body } as const;
};

function room(): Roster {
  const roster = new Roster();
  roster.replace(10, [
    { uid: 1, flags: 0, producers: [{ pid: 100, media: 1, paused: false }] },
    { uid: 2, flags: VoicePart.PRIORITY, producers: [] },
  ]);
  return roster;
}

test('Roster.apply: changes in order, people and producers follow', () => {
  const roster = room();
  expect(roster.apply(frame(11, VoiceKind.JOINED, 3, VoicePart.MUTED))).toBe('changed');
  expect(roster.apply(frame(12, VoiceKind.PRODUCER, 3, 300, 1))).toBe('changed');
  expect(roster.apply(frame(13, VoiceKind.PRODUCER_PAUSED, 300, true))).toBe('changed');
  expect(roster.ownerOf(300)).toBe(3);
  expect(roster.person(3)?.producers.get(300)).toEqual({ media: 1, isPaused: true });
  expect(roster.apply(frame(14, VoiceKind.LEFT, 1))).toBe('changed');
  expect(roster.people().map(({ uid }) => uid)).toEqual([2, 3]);
  expect(roster.ownerOf(100)).toBeUndefined();
});

test('Roster.apply: a state with flags sets all of them, one without keeps what others decide', () => {
  const roster = room();
  roster.apply(frame(11, VoiceKind.STATE, 2, true, false));
  expect(roster.person(2)?.flags).toBe(VoicePart.PRIORITY | VoicePart.MUTED);
  roster.apply(frame(12, VoiceKind.STATE, 2, false, false, VoicePart.HAND));
  expect(roster.person(2)?.flags).toBe(VoicePart.HAND);
});

test('Roster.apply: a skipped version is missed, an old one changes nothing', () => {
  const roster = room();
  expect(roster.apply(frame(12, VoiceKind.JOINED, 3, 0))).toBe('missed');
  expect(roster.person(3)).toBeUndefined();
  expect(roster.apply(frame(10, VoiceKind.LEFT, 1))).toBe('old');
  expect(roster.person(1)).toBeDefined();
});

test('Roster.apply: kinds without a version of their own tell when they are ahead', () => {
  const roster = room();
  expect(roster.apply(frame(10, VoiceKind.SPEAKING, [[1, 90]]))).toBe('same');
  expect(roster.apply(frame(11, VoiceKind.SPEAKING, [[1, 90]]))).toBe('missed');
});

test('Roster.apply: a change of somebody unknown is missed', () => {
  const roster = room();
  expect(roster.apply(frame(11, VoiceKind.PRODUCER, 9, 900, 1))).toBe('missed');
});
