/**
 * The JSON twin (protocol.md 2.3 E7, 2.17 item 13): the same arrays as text. JSON.parse does the
 * grammar, one walk checks the rest (no objects, integers by value, no lone surrogates, depth, number of
 * values). It never throws; a bad frame is a value. Runs on any thread and in browsers.
 */
import { Limits } from './limits.ts';
import { isFrame } from './mp-decode.ts';
import type { BadFrameReason, Decoded, DecodeOptions, Frame, WireValue } from './types.ts';

const utf8Strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** Could hold a number with a fraction or an exponent (or a string that looks like one). */
const MAYBE_DECIMAL = /\d[.eE]/;
const STRING_LITERAL = /"(?:[^"\\]|\\.)*"/g;
const DECIMAL = /-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?/g;

/**
 * Decodes one JSON frame. The caller bounds its length (32 KiB inbound).
 * @param input UTF-8 bytes, or text, of one WebSocket message; not kept
 * @param options bounds; default those of inbound frames (depth 4, 2048 values)
 * @returns the frame, or why it is bad (close 4500). Never throws. O(length)
 */
export function decodeJson(input: Uint8Array | string, options?: DecodeOptions): Decoded {
  const frame = decodeText(input, options);
  return typeof frame === 'string' ? { ok: false, why: frame } : { ok: true, frame };
}

function decodeText(input: Uint8Array | string, options?: DecodeOptions): Frame | BadFrameReason {
  let text: string;
  try {
    text = typeof input === 'string' ? input : utf8Strict.decode(input);
  } catch {
    return 'utf8';
  }
  if (text.length === 0) return 'empty';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'json';
  }
  if (!Array.isArray(value)) return 'not_array';
  const budget = { left: options?.valuesMax ?? Limits.inboundValuesMax };
  const why = checkArray(value, options?.depthMax ?? Limits.inboundDepthMax, budget);
  if (why !== null) return why;
  if (MAYBE_DECIMAL.test(text) && !decimalsAreIntegers(text)) return 'number';
  return isFrame(value) ? value : 'opcode';
}

/** Checks in place and turns -0 into 0. */
function checkArray(
  items: unknown[],
  depthLeft: number,
  budget: { left: number },
): BadFrameReason | null {
  if (depthLeft === 0) return 'depth';
  budget.left -= items.length;
  if (budget.left < 0) return 'values';
  for (let i = 0; i < items.length; i += 1) {
    const item = items[i];
    if (typeof item === 'number') {
      if (!Number.isSafeInteger(item)) return 'number';
      if (item === 0) items[i] = 0;
    } else if (typeof item === 'string') {
      if (!item.isWellFormed()) return 'utf8';
    } else if (Array.isArray(item)) {
      const why = checkArray(item, depthLeft - 1, budget);
      if (why !== null) return why;
    } else if (typeof item === 'object' && item !== null) {
      return 'object';
    }
  }
  return null;
}

/** JSON.parse rounds 0.99999999999999999999 to 1; the text tells. */
function decimalsAreIntegers(text: string): boolean {
  for (const match of text.replace(STRING_LITERAL, '').matchAll(DECIMAL)) {
    const fraction = match[2] ?? '';
    const digits = `${match[1]}${fraction}`.replace(/0+$/, '');
    const zeros = (match[1]?.length ?? 0) + fraction.length - digits.length;
    const exponent = Number(match[3] ?? 0) - fraction.length + zeros;
    if (digits.length > 0 && exponent < 0) return false;
  }
  return true;
}

/**
 * Text of a frame in the JSON encoding.
 * @param frame the frame; strings must be well-formed
 * @returns JSON text without white space
 */
export function encodeJsonText(frame: readonly WireValue[]): string {
  return JSON.stringify(frame);
}

/**
 * UTF-8 bytes of a frame in the JSON encoding.
 * @param frame the frame; strings must be well-formed
 * @returns bytes to send as one text message
 */
export function encodeJson(frame: readonly WireValue[]): Uint8Array {
  return utf8Encoder.encode(JSON.stringify(frame));
}
