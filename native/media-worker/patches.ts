/**
 * Owns what we change in mediasoup's worker: each change is a piece of text that must be there exactly once. Pure.
 * A new mediasoup whose source no longer has the piece stops the build with a sentence, so that nobody ships it unpatched.
 */

/** One change of one file below `worker/`. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * The callback of the memory BIO that DTLS writes to must hand back the real result of *every* operation that returns. As it is, it
 * answers 1 to "CTRL|RETURN"; a libssl with kernel TLS (Debian's) asks "is KTLS sending?", takes the 1 for yes, allocates no write
 * buffer and writes to NULL: SIGSEGV at the first DTLS handshake of any client. mediasoup's own OpenSSL has no KTLS.
 */
const DTLS_BIO_RESULT: Patch = {
  file: 'src/RTC/DtlsTransport.cpp',
  find: '(operationType == BIO_CB_RETURN) ? static_cast<long>(ret) : 1;',
  replace: '((operationType & BIO_CB_RETURN) != 0) ? static_cast<long>(ret) : 1;',
};

/** All changes. */
export const PATCHES: readonly Patch[] = [DTLS_BIO_RESULT];

/** The patched text, or the sentence that says why the patch does not fit. */
export function patched(
  text: string,
  patch: Patch,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string } {
  const parts = text.split(patch.find);
  if (parts.length === 2) return { ok: true, text: parts.join(patch.replace) };
  const message = `patch ${patch.file}: got ${parts.length - 1} places to change, wanted 1; this mediasoup needs a new look at native/media-worker/patches.ts`;
  return { ok: false, message };
}
