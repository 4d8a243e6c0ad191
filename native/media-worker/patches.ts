/**
 * Owns what we change in mediasoup's worker: each change is a piece of text that must be there exactly once. Pure.
 * A new mediasoup whose source no longer has the piece stops the build with a sentence, so that nobody ships it unpatched.
 */

import type { MediaWorkerVariant } from './types.ts';

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

const UDP = 'src/handles/UdpSocketHandle.cpp';

/**
 * Datagrams are read and sent several at a time (tuning/udp-batch.hpp). libuv reads as many with one call as the buffer has pieces of
 * 64 KiB; mediasoup gives it one.
 */
const UDP_BATCHES: readonly Patch[] = [
  {
    file: UDP,
    find: 'alignas(4) static thread_local uint8_t ReadBuffer[ReadBufferSize];',
    replace: `alignas(4) static thread_local uint8_t ReadBuffer[ReadsMost * ReadBufferSize];
static thread_local UdpBatch<UdpSocketHandle> Batch;`,
  },
  {
    file: UDP,
    find: '#include <cstring> // std::memcpy()\n',
    replace: '#include <cstring> // std::memcpy()\n#include <udp-batch.hpp>\n',
  },
  { file: UDP, find: 'buf->len = ReadBufferSize;', replace: 'buf->len = sizeof(ReadBuffer);' },
  {
    file: UDP,
    find: '	// First try uv_udp_try_send(). In case',
    replace: `	if (cb == nullptr && Batch.Keep(this, this->uvHandle, data, len, addr))
	{
		this->sentBytes += len;

		return;
	}

	// First try uv_udp_try_send(). In case`,
  },
  {
    file: UDP,
    find: '	if (nread == 0)\n	{\n',
    replace: '	if (nread == 0)\n	{\n		Batch.Close();\n\n',
  },
  {
    file: UDP,
    find: '		this->recvBytes += nread;\n',
    replace: '		this->recvBytes += nread;\n\n		Batch.Open();\n',
  },
  {
    file: UDP,
    find: '	// Tell the UV handle that the UdpSocketHandle has been closed.\n',
    replace:
      '	Batch.Forget(this);\n\n	// Tell the UV handle that the UdpSocketHandle has been closed.\n',
  },
];

const DTLS = 'src/RTC/DtlsTransport.cpp';

/**
 * OpenSSL's part of a transport, 70 of its 90 kB, is released 5 s after the handshake: SRTP has its keys by then, and media need
 * nothing else of it. Until then a peer that missed our last flight may ask again. What is given up: data channels (voice has none),
 * and DTLS alerts of later: a peer that vanishes without a word is noticed by ICE consent, as one whose alert was lost.
 */
const DTLS_RELEASE: readonly Patch[] = [
  {
    file: DTLS,
    find: '		if (IsRunning())\n		{\n			// Send close alert to the peer.\n',
    replace: '		if (this->ssl && IsRunning())\n		{\n			// Send close alert to the peer.\n',
  },
  {
    file: DTLS,
    find: '		// Write the received DTLS data into the sslBioFromNetwork.\n',
    replace: `		if (!this->ssl)
		{
			return;
		}

		// Write the received DTLS data into the sslBioFromNetwork.
`,
  },
  {
    file: DTLS,
    find: '		if (len == 0)\n		{\n			MS_WARN_TAG(dtls, "ignoring 0 length data");\n',
    replace:
      '		if (len == 0 || !this->ssl)\n		{\n			MS_WARN_TAG(dtls, "ignoring 0 length data");\n',
  },
  {
    file: DTLS,
    find: '		delete[] srtpRemoteMasterKey;\n',
    replace: '		delete[] srtpRemoteMasterKey;\n\n		this->timer->Start(5000);\n',
  },
  {
    file: DTLS,
    find: '			MS_DEBUG_DEV("handshake is done so return");\n',
    // SetTimeout() calls this by itself while the timer runs.
    replace: `			if (this->ssl && this->state == DtlsState::CONNECTED && !this->timer->IsActive())
			{
				SSL_free(this->ssl);

				this->ssl               = nullptr;
				this->sslBioFromNetwork = nullptr;
				this->sslBioToNetwork   = nullptr;
			}
`,
  },
];

const OPENSSL = 'src/DepOpenSSL.cpp';

/** Until then its large buffers are kept out of the heap (tuning/openssl-memory.hpp). */
const OPENSSL_MEMORY: readonly Patch[] = [
  {
    file: OPENSSL,
    find: '#include <mutex>\n',
    replace: '#include <mutex>\n#include <openssl-memory.hpp>\n',
  },
  {
    file: OPENSSL,
    find: '		  MS_DEBUG_TAG(info, "openssl version:',
    replace: '		  OpenSslMemory::Use();\n		  MS_DEBUG_TAG(info, "openssl version:',
  },
];

/** What is changed in which build. */
export function patchesOf(variant: MediaWorkerVariant): readonly Patch[] {
  if (variant === 'plain') return [DTLS_BIO_RESULT];
  return [DTLS_BIO_RESULT, ...UDP_BATCHES, ...DTLS_RELEASE, ...OPENSSL_MEMORY];
}

/** The patched text of `file`, or the sentence that says why a patch does not fit. */
export function patchedFile(
  text: string,
  file: string,
  patches: readonly Patch[],
): ReturnType<typeof patched> {
  let result: ReturnType<typeof patched> = { ok: true, text };
  for (const patch of patches) {
    if (patch.file === file && result.ok) result = patched(result.text, patch);
  }
  return result;
}

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
