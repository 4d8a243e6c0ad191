/**
 * How much of end-to-end key material one member may have relayed: a bucket of bytes, refilled as time goes by. A message to
 * everybody costs its size for each receiver, so a large room cannot be used to multiply. Pure; no clock of its own.
 */
import type { Ms } from '../../runtime/index.ts';

/** The largest message to a room of 40, or a sender key (150 bytes) to thousands. One that costs more is refused. */
export const RELAY_BURST_BYTES = 1024 * 1024;
const BYTES_PER_MS = 64;
/** Of base64: fits a `J`. */
export const RELAY_DATA_MAX = 24 * 1024;

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Whether it is text of the kind that is relayed. */
export function isRelayable(type: number, data: string): boolean {
  return (
    Number.isInteger(type) &&
    type >= 0 &&
    type <= 255 &&
    data.length > 0 &&
    data.length <= RELAY_DATA_MAX &&
    BASE64.test(data)
  );
}

export class RelayBucket {
  #bytes = RELAY_BURST_BYTES;
  #at: Ms | undefined;

  /** Takes at most RELAY_BURST_BYTES; otherwise tells the ms after which they are there. */
  take(
    bytes: number,
    nowMs: Ms,
  ): { readonly ok: true } | { readonly ok: false; readonly retryMs: Ms } {
    const passed = nowMs - (this.#at ?? nowMs);
    this.#bytes = Math.min(RELAY_BURST_BYTES, this.#bytes + passed * BYTES_PER_MS);
    this.#at = nowMs;
    if (bytes <= this.#bytes) {
      this.#bytes -= bytes;
      return { ok: true };
    }
    return { ok: false, retryMs: Math.ceil((bytes - this.#bytes) / BYTES_PER_MS) };
  }
}
