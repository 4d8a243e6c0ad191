/**
 * Frames of the admin socket to bytes and back, in both encodings, under the same bounds. Any thread.
 */
import { type AdminEncoding, AdminLimits } from './ops.ts';
import { pack } from './pack.ts';
import { type Bounds, type FrameFault, unpack } from './unpack.ts';

/** A decoded frame: an opcode from 96 to 127 and its elements. */
export type AdminFrame = readonly [op: number, ...elements: unknown[]];

export type DecodedAdmin =
  | { readonly ok: true; readonly frame: AdminFrame }
  | { readonly ok: false; readonly why: FrameFault };

const OP_MIN = 96;
const OP_MAX = 127;

const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const toUtf8 = new TextEncoder();

/** Fresh bytes of a frame: to be sent as a binary message for mp, as a text message for json. */
export function encodeAdmin(frame: readonly unknown[], encoding: AdminEncoding): Uint8Array {
  return encoding === 'mp' ? pack(frame) : toUtf8.encode(JSON.stringify(frame, asJson));
}

/** Reads what a client sent (`from` client) or what a server sent. Never throws. O(length). */
export function decodeAdmin(
  bytes: Uint8Array,
  encoding: AdminEncoding,
  from: 'client' | 'server' = 'client',
): DecodedAdmin {
  const { depthMax, inboundValuesMax, outboundValuesMax } = AdminLimits;
  const bounds = { depthMax, valuesMax: from === 'client' ? inboundValuesMax : outboundValuesMax };
  const read = encoding === 'mp' ? unpack(bytes, bounds) : readJson(bytes, bounds);
  if (!read.ok) return read;
  const { value } = read;
  if (!Array.isArray(value)) return { ok: false, why: 'not_array' };
  const op: unknown = value[0];
  if (typeof op !== 'number' || !Number.isInteger(op) || op < OP_MIN || op > OP_MAX) {
    return { ok: false, why: 'opcode' };
  }
  return { ok: true, frame: value as unknown as AdminFrame };
}

function readJson(bytes: Uint8Array, bounds: Bounds): ReturnType<typeof unpack> {
  if (bytes.length === 0) return { ok: false, why: 'empty' };
  let text: string;
  try {
    text = fromUtf8.decode(bytes);
  } catch {
    return { ok: false, why: 'utf8' };
  }
  try {
    const value: unknown = JSON.parse(text);
    const why = judge(value, bounds);
    return why === undefined ? { ok: true, value } : { ok: false, why };
  } catch {
    return { ok: false, why: 'json' };
  }
}

/** The bounds that the msgpack reader keeps while it reads. The text's own length bounds what the parser made. */
function judge(root: unknown, { depthMax, valuesMax }: Bounds): FrameFault | undefined {
  let level: unknown[] = [root];
  let values = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: unknown[] = [];
    for (const value of level) {
      values += 1;
      if (typeof value !== 'object' || value === null) continue;
      if (depth >= depthMax) return 'depth';
      if (Object.hasOwn(value, '__proto__')) return 'key';
      for (const inner of Object.values(value)) next.push(inner);
      if (!Array.isArray(value)) values += Object.keys(value).length;
    }
    if (values > valuesMax) return 'values';
    level = next;
  }
  return undefined;
}

function asJson(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
