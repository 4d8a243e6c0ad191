/** The wire form of changes and outcomes: what goes in comes out, also over a lane's encoding. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogEvent, Rewrite } from '../types.ts';
import type { Change, Outcome } from './types.ts';
import { packChanges, packOutcomes, unpackChanges, unpackOutcomes } from './wire.ts';

const u53 = fc.maxSafeNat();
const block = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: 'binary', maxLength: 12 });

const commit = fc
  .record({
    sid: u53,
    fence: u53,
    after: fc.nat(),
    events: fc.array(
      fc.record({
        ts: u53,
        kind: fc.nat(),
        actor: u53,
        target: u53,
        emoji: text,
        nonce: text,
        digest: block,
        frame: block,
      }),
      { maxLength: 4 },
    ),
    rewrites: fc.array(fc.record({ seq: u53, kind: fc.nat(), frame: block, editedAt: u53 }), {
      maxLength: 3,
    }),
  })
  .map(({ events, after, ...rest }) => {
    const numbered = events.map((event, i): LogEvent => ({ seq: after + 1 + i, ...event }));
    return { op: 'commit' as const, commit: { ...rest, after, events: numbered } };
  });

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: commit },
  fc.record({ op: fc.constantFrom('open' as const, 'drop' as const), sid: u53 }),
  fc.constant({
    op: 'docs' as const,
    batch: [{ kind: 'k', key: 'a', expect: 'any' as const, json: '{}', unique: undefined }],
  }),
);

/** Bytes as they are, whatever views them. */
function plain(changes: readonly Change[]): unknown {
  const bytes = ({ frame, ...rest }: LogEvent | Rewrite): unknown => ({
    ...rest,
    frame: [...frame],
    ...('digest' in rest && { digest: [...rest.digest] }),
  });
  return changes.map((one) =>
    one.op === 'commit'
      ? {
          ...one.commit,
          events: one.commit.events.map(bytes),
          rewrites: one.commit.rewrites.map(bytes),
        }
      : one,
  );
}

describe('wire', () => {
  test('packChanges: any changes, unpackChanges gives them back in order', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
        expect(plain(unpackChanges(packChanges(changes)))).toEqual(plain(changes));
      }),
    );
  });

  test('packOutcomes: any outcomes, unpackOutcomes gives them back in order', () => {
    const head = { sid: 1, epoch: 2, first: 1, head: 3, headTs: 4 };
    const outcomes: Outcome[] = [
      { status: 'done', value: { ok: true, head: 0 } },
      { status: 'done', value: { ok: true, head: 2 ** 53 - 1 } },
      { status: 'done', value: { ok: false, why: 'fenced', head: 7 } },
      { status: 'done', value: { ok: true, revs: [1, 2] } },
      { status: 'done', value: { ...head, fence: 5 } },
      { status: 'done', value: null },
      { status: 'unavailable', retryMs: 50 },
      { status: 'unknown' },
      { status: 'rejected', message: 'no' },
    ];
    expect(unpackOutcomes(packOutcomes(outcomes))).toEqual(outcomes);
  });
});
