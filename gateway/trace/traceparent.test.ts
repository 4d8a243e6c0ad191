/** The header of W3C Trace Context: what is taken, what counts as absent. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const hex = (length: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
    .filter((id) => /[1-9a-f]/.test(id));

test('parseTraceparent: what formatTraceparent wrote, it is read as it was', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (traceId, parentId, isSampled) => {
      const header = formatTraceparent(traceId, parentId, isSampled);
      expect(parseTraceparent(header)).toEqual({ traceId, parentId, isSampled });
    }),
  );
});

test.each([
  ['another flag than sampled', `00-${TRACE}-${SPAN}-02`, false],
  ['sampled among others', `00-${TRACE}-${SPAN}-ff`, true],
  ['a later version', `cc-${TRACE}-${SPAN}-01`, true],
  ['a later version with more', `cc-${TRACE}-${SPAN}-01-what-the-future`, true],
])('parseTraceparent: %s, it is taken', (_title, header, isSampled) => {
  expect(parseTraceparent(header)).toEqual({ traceId: TRACE, parentId: SPAN, isSampled });
});

test.each([
  ['nothing', ''],
  ['version ff', `ff-${TRACE}-${SPAN}-01`],
  ['version 00 with more', `00-${TRACE}-${SPAN}-01-more`],
  ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['too short', `00-${TRACE.slice(1)}-${SPAN}-01`],
  ['too long', `cc-${TRACE}-${SPAN}-01-${'x'.repeat(300)}`],
  ['another separator', `00_${TRACE}_${SPAN}_01`],
])('parseTraceparent: %s, it counts as absent', (_title, header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});
