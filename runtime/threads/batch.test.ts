/** BatchWriter and BatchReader: what is written comes out, and both sides agree whatever happens. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { From } from '../types.ts';
import { BatchReader } from './batch-reader.ts';
import { BatchWriter } from './batch-writer.ts';
import { CALL, CAST, DOWN, LINK, NAMES_MAX, REPLY, SHAPES_MAX } from './wire.ts';

interface Sent {
  readonly op: string;
  readonly value: unknown;
}

/** Both ends of one lane. */
class Pair {
  readonly writer = new BatchWriter();
  readonly reader = new BatchReader();

  /** False when the value is refused. */
  cast(op: string, value: unknown): boolean {
    this.writer.begin(CAST);
    try {
      this.writer.cast('', 'key', op, value);
    } catch {
      this.writer.undo();
      return false;
    }
    this.writer.commit();
    return true;
  }

  /** Batch over; what arrives. The bytes are spoiled afterwards, as a transport may do. */
  flush(): Sent[] {
    const bytes = Uint8Array.from(this.writer.take());
    const got: Sent[] = [];
    this.reader.open(bytes);
    while (this.reader.next()) got.push({ op: this.reader.op, value: this.reader.a });
    bytes.fill(0xee);
    return got;
  }

  cross(value: unknown): unknown {
    expect(this.cast('op', value)).toBe(true);
    const got = this.flush();
    expect(got).toHaveLength(1);
    return got[0]?.value;
  }
}

const poison = { deep: [1, { bad: Symbol('no') }] };

const anyString = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'binary-ascii', minLength: 200, maxLength: 400 }),
);
const leaf = fc.oneof(
  anyString,
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.uint8Array({ maxLength: 300 }),
  fc.date(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
/** Keys as our messages have them, and such that only hostile or odd objects have. */
const key = fc.oneof(
  fc.constantFrom('uid', 'nonce', 'kind', 'body', 'ok', 'seq'),
  fc.string({ maxLength: 40 }),
  fc.nat().map(String),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 6 }),
    fc.dictionary(
      key.filter((each) => each !== '__proto__'),
      tie('tree'),
      { maxKeys: 6 },
    ),
  ),
}));

describe('values', () => {
  test('any plain data in any batches: arrives as sent, one lane for all of it', () => {
    const pair = new Pair();
    fc.assert(
      fc.property(fc.array(fc.array(tree, { maxLength: 5 }), { maxLength: 3 }), (batches) => {
        for (const batch of batches) {
          for (const value of batch) pair.cast('op', value);
          expect(pair.flush().map(({ value }) => value)).toEqual(batch.map(ordinary));
        }
      }),
    );
  });

  test('any plain data: as structuredClone gives it', () => {
    const pair = new Pair();
    fc.assert(
      fc.property(tree, (value) => {
        expect(pair.cross(value)).toStrictEqual(structuredClone(value));
      }),
    );
  });

  test.each([
    ['-0', -0],
    ['NaN', Number.NaN],
    ['Infinity', Number.NEGATIVE_INFINITY],
    ['the ends of int32', [2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1, 127, 128, -1]],
    ['an id', 2 ** 53 - 1],
    ['half a surrogate pair', ['\ud800', `${'x'.repeat(100)}\udc00`]],
    [
      'text of every width',
      ['', 'a', 'ž', '🐎', 'é'.repeat(31), 'ž'.repeat(33), 'x'.repeat(70_000)],
    ],
    ['Set', new Set([1, 'a', { b: 2 }])],
    ['Map', new Map([['a', { b: new Uint8Array(9) }]])],
    ['bigint', [1n, -(2n ** 100n)]],
    ['Error', new TypeError('x')],
    ['Int32Array', new Int32Array([1, 2])],
    ['many', Array.from({ length: 1000 }, (_, i) => i)],
    ['empty things', [{}, [], new Uint8Array(0), '']],
  ])('%s: arrives as sent', (_, value) => {
    expect(new Pair().cross(value)).toEqual(value);
  });

  test('what is not plain data: own fields of objects, holes and functions undefined, no prototype set', () => {
    class Point {
      readonly x = 1;
    }
    const pair = new Pair();
    const hole = [1];
    hole[2] = 3;
    const odd = {
      hole,
      fn: () => 1,
      point: new Point(),
      bare: Object.assign(Object.create(null), { a: 1 }),
      proto: JSON.parse('{"__proto__":{"polluted":1},"a":2}'),
    };
    const got = pair.cross(odd) as typeof odd;
    expect(got).toEqual({
      hole: [1, undefined, 3],
      fn: undefined,
      point: { x: 1 },
      bare: { a: 1 },
      proto: { __proto_: { polluted: 1 }, a: 2 },
    });
    expect(Object.getPrototypeOf(got.proto)).toBe(Object.prototype);
  });

  test('Uint8Array: arrives as one whose memory is its own or a small slab', () => {
    const pair = new Pair();
    const sizes = [0, 1, 64, 65, 130, 1024, 1025, 100_000];
    const sent = sizes.map((size) => Buffer.alloc(size, size));
    const got = pair.cross(sent) as Uint8Array[];
    for (const [i, bytes] of got.entries()) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
      expect(Buffer.compare(bytes, sent[i] as Buffer)).toBe(0);
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(bytes.byteLength, 8192));
    }
    const many = Array.from({ length: 300 }, (_, i) => new Uint8Array(100 + i).fill(i));
    expect(pair.cross(many)).toEqual(many);
    expect(got.map(({ byteLength }) => byteLength)).toEqual(sizes);
  });
});

describe('records', () => {
  test('each kind: its fields arrive, whatever the batch before left', () => {
    const { writer, reader } = new Pair();
    for (let round = 0; round < 2; round++) {
      writer.begin(CALL);
      writer.call('stream', 7, 'append', { a: 1 }, 99 as From, Number.POSITIVE_INFINITY);
      writer.commit();
      writer.begin(CAST);
      writer.cast(0, 5, 'publish', undefined);
      writer.commit();
      writer.begin(REPLY);
      writer.reply(12 as From, false, 'timeout');
      writer.commit();
      writer.begin(DOWN);
      writer.signal(1, 2 ** 50, { error: { message: 'x' } }, undefined);
      writer.commit();
      writer.begin(LINK);
      writer.signal(3, 4, undefined, undefined);
      writer.commit();
      expect(writer.records).toBe(5);
      reader.open(Uint8Array.from(writer.take()));
      expect(reader.next()).toBe(true);
      expect(reader).toMatchObject({
        kind: CALL,
        via: 'stream',
        key: 7,
        op: 'append',
        a: { a: 1 },
      });
      expect(reader).toMatchObject({ from: 99, deadline: Number.POSITIVE_INFINITY });
      expect(reader.next()).toBe(true);
      expect(reader).toMatchObject({ kind: CAST, via: 0, key: 5, op: 'publish', a: undefined });
      expect(reader.from).toBe(0);
      expect(reader.next()).toBe(true);
      expect(reader).toMatchObject({ kind: REPLY, from: 12, ok: false, a: 'timeout' });
      expect(reader.next()).toBe(true);
      expect(reader).toMatchObject({
        kind: DOWN,
        a: 1,
        b: 2 ** 50,
        c: { error: { message: 'x' } },
      });
      expect(reader.next()).toBe(true);
      expect(reader).toMatchObject({ kind: LINK, a: 3, b: 4 });
      expect(reader.next()).toBe(false);
      expect(writer.records).toBe(0);
    }
  });

  test('undo: a record that is refused leaves no trace, the names and shapes it brought stay good', () => {
    const step = fc.record({
      op: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.dictionary(fc.constantFrom('p', 'q', 'r', 's'), fc.integer(), { maxKeys: 4 }),
      refused: fc.boolean(),
      flush: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const pair = new Pair();
        let want: Sent[] = [];
        for (const { op, value, refused, flush } of steps) {
          const sent = pair.cast(op, refused ? { ...value, tail: [{ ...value, poison }] } : value);
          expect(sent).toBe(!refused);
          if (sent) want.push({ op, value });
          if (!flush) continue;
          expect(pair.flush()).toEqual(want);
          want = [];
        }
        expect(pair.flush()).toEqual(want);
      }),
    );
  });

  test('a circle and too deep a nest: refused, the next record goes through', () => {
    const pair = new Pair();
    const circle: unknown[] = [];
    circle.push({ circle });
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = { deep };
    for (const bad of [circle, deep, poison, Symbol('no')])
      expect(pair.cast('op', bad)).toBe(false);
    expect(pair.cross({ fine: 1 })).toEqual({ fine: 1 });
  });

  test('something sent from a getter while its object is being written: refused, nothing is torn', () => {
    const pair = new Pair();
    const trap = {
      a: 1,
      get b() {
        pair.writer.begin(CAST);
        return 2;
      },
    };
    expect(pair.cast('op', 1)).toBe(true);
    expect(pair.cast('op', trap)).toBe(false);
    expect(pair.cast('op', 3)).toBe(true);
    expect(pair.flush().map(({ value }) => value)).toEqual([1, 3]);
  });

  test('tables: more names and shapes than they hold, all arrive', () => {
    const pair = new Pair();
    const want: Sent[] = [];
    for (let i = 0; i < NAMES_MAX + 50; i++) {
      const sent = { op: `op${i}`, value: { [`key${i % (SHAPES_MAX + 50)}`]: { [i]: i, x: i } } };
      want.push(sent);
      expect(pair.cast(sent.op, sent.value)).toBe(true);
    }
    expect(pair.flush()).toEqual(want);
    for (const { op, value } of want.slice(-100)) pair.cast(op, value);
    expect(pair.flush()).toEqual(want.slice(-100));
  });

  test('growth: records far beyond the first buffer arrive, and the buffer is given back', () => {
    const pair = new Pair();
    const big = Array.from({ length: 40 }, (_, i) => new Uint8Array(50_000).fill(i));
    for (const each of big) pair.cast('op', [each, 'x'.repeat(20_000), 'ž'.repeat(20_000)]);
    expect(pair.writer.bytes).toBeGreaterThan(2_000_000);
    const got = pair.flush().map(({ value }) => (value as Uint8Array[])[0]);
    expect(got).toEqual(big);
    expect(pair.writer.take().buffer.byteLength).toBeLessThan(100_000);
  });

  test('a batch that was lost: the reader notices, it does not guess', () => {
    const pair = new Pair();
    pair.cast('op', { a: 1 });
    pair.writer.take();
    pair.cast('op', { a: 1 });
    expect(() => pair.flush()).toThrow(/defined before it is used/);
  });
});

/** What toEqual should see: an object without prototype arrives as an ordinary one. */
function ordinary(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordinary);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, ordinary(each)]));
}
