/** NonceTable and StreamBytes: what is kept, what is forgotten, what never changes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StreamBytes } from './stream-bytes.ts';
import { type CommittedNonce, digestOf, NonceTable, sameDigest } from './stream-nonces.ts';

interface Open {
  readonly key: string;
  decided: boolean;
}

const NONE = new Uint8Array(16);

function committed(seq: number): CommittedNonce {
  return { decided: true, seq, ts: seq, digest: NONE };
}

describe('NonceTable', () => {
  test('find: any order of begins, commits and refusals, open ones are kept and the newest 256 too', () => {
    const step = fc.record({ what: fc.constantFrom('commit', 'refuse'), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 700, maxLength: 900 }), fc.nat(40), (steps, wide) => {
        const table = new NonceTable<Open>();
        const open: Open[] = [];
        const done: string[] = [];
        for (const [n, { what, which }] of steps.entries()) {
          const item = { key: `1:${n}`, decided: false };
          table.begin(item.key, item);
          open.push(item);
          if (open.length <= wide) continue;
          const [chosen] = open.splice(which % open.length, 1) as [Open];
          chosen.decided = true;
          if (what === 'refuse') table.forget(chosen.key);
          else {
            table.commit(chosen.key, committed(n));
            done.push(chosen.key);
          }
        }
        expect(table.open).toBe(open.length);
        for (const item of open) expect(table.find(item.key)).toBe(item);
        expect(new Set(table.openItems())).toEqual(new Set(open));
        for (const key of done.slice(-200))
          expect(table.find(key)).toMatchObject({ seq: expect.any(Number) });
        const kept = done.filter((key) => table.find(key) !== undefined).length;
        expect(kept).toBeLessThanOrEqual(2 * (256 + wide + 1));
      }),
      { numRuns: 20 },
    );
  });

  test('find: committed, gives seq, ts and digest as they were', () => {
    const table = new NonceTable<Open>();
    const facts = (n: number): CommittedNonce => {
      const ts = 1_790_000_000_000 + n;
      return { decided: true, seq: 2 ** 40 + n, ts, digest: new Uint8Array(16).fill(n) };
    };
    for (let n = 0; n < 400; n += 1) table.learn(`7:${n}`, facts(n));
    for (let n = 150; n < 400; n += 1) expect(table.find(`7:${n}`)).toEqual(facts(n));
  });

  test('clearCommitted: what is being decided stays', () => {
    const table = new NonceTable<Open>();
    const item = { key: '1:a', decided: false };
    table.begin(item.key, item);
    table.learn('1:b', committed(1));
    table.clearCommitted();
    expect(table.find('1:a')).toBe(item);
    expect(table.find('1:b')).toBeUndefined();
  });

  test('learn: an append with this nonce is being decided, it keeps its place', () => {
    const table = new NonceTable<Open>();
    const item = { key: '1:a', decided: false };
    table.begin(item.key, item);
    table.learn('1:a', committed(1));
    expect(table.find('1:a')).toBe(item);
  });
});

describe('StreamBytes', () => {
  test('keep: any blocks, each stays as it was', () => {
    const block = fc.uint8Array({ maxLength: 5000 });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 60 }), (blocks) => {
        const bytes = new StreamBytes();
        const kept = blocks.map((one) => bytes.keep(one));
        expect(kept.map((one) => [...one])).toEqual(blocks.map((one) => [...one]));
      }),
    );
  });

  test('reserve: small blocks share memory, a first one holds little, a large one has its own', () => {
    const bytes = new StreamBytes();
    const first = bytes.reserve(16);
    expect(first.buffer.byteLength).toBe(256);
    expect(bytes.reserve(16).buffer).toBe(first.buffer);
    const large = bytes.reserve(5000);
    expect(large.buffer.byteLength).toBe(5000);
    for (let i = 0; i < 2000; i += 1) {
      expect(bytes.reserve(100).buffer.byteLength).toBeLessThanOrEqual(8192);
    }
  });
});

describe('digestOf', () => {
  test('digestOf: same content, same 16 bytes; other content, others', () => {
    const bytes = new StreamBytes();
    const digest = digestOf(1, ['hello'], bytes);
    expect(Buffer.from(digest).toString('hex')).toBe('4c34de6b04ebf073583646c4ca5c0f12');
    expect(sameDigest(digest, digestOf(1, ['hello'], bytes))).toBe(true);
    expect(sameDigest(digest, digestOf(1, ['hallo'], bytes))).toBe(false);
    expect(sameDigest(digest, digestOf(4, ['hello'], bytes))).toBe(false);
  });
});
