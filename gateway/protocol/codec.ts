/**
 * One pair of functions per encoding of a connection, so that callers need not branch.
 * Runs on any thread and in browsers.
 */
import { decodeJson, encodeJson } from './json.ts';
import { decodeMp } from './mp-decode.ts';
import { encodeMp, encodeMpOkAppend } from './mp-encode.ts';
import { okAppendFrame } from './server-frames.ts';
import type { AppendResult, Decoded, DecodeOptions, Encoding, WireValue } from './types.ts';

/**
 * Encodes a frame for a connection.
 * @param frame opcode and elements
 * @param encoding `mp`: send as binary message; `json`: send as text message
 * @returns fresh bytes, owned by the caller
 */
export function encodeFrame(frame: readonly WireValue[], encoding: Encoding): Uint8Array {
  return encoding === 'mp' ? encodeMp(frame) : encodeJson(frame);
}

/**
 * Encodes the OK of an APPEND: the same bytes as encodeFrame(okAppendFrame(...)) makes, without
 * allocating where the encoding is `mp`. Once per message, so it has a way of its own.
 * @param rid request id
 * @param result epoch, seq, ts and whether it is a repeat
 * @param encoding `mp`: send as binary message; `json`: send as text message
 * @returns bytes to be sent at once by a send that copies: the next frame encoded overwrites them
 */
export function encodeOkAppend(rid: number, result: AppendResult, encoding: Encoding): Uint8Array {
  return encoding === 'mp' ? encodeMpOkAppend(rid, result) : encodeJson(okAppendFrame(rid, result));
}

/**
 * Decodes one message of a connection. The caller has bounded its length.
 * @param message bytes of the message
 * @param encoding of the connection
 * @param options bounds; default those of inbound frames
 * @returns the frame, or why it is bad (close 4500). Never throws
 */
export function decodeFrame(
  message: Uint8Array,
  encoding: Encoding,
  options?: DecodeOptions,
): Decoded {
  return encoding === 'mp' ? decodeMp(message, options) : decodeJson(message, options);
}
