/** Answers for the files of the voice demo page: headers, policy, limit. Gateway threads. */
import { addressKey } from '../address.ts';
import { RATE_LIMITS } from '../rates/index.ts';
import { type Failure, fail, unavailable } from './errors.ts';
import { limited } from './limiter.ts';
import type { HttpDeps } from './types.ts';

/** Paths of the page and its files. */
export const DEMO_PATHS = ['/voice-demo', '/voice-demo/:file'] as const;

/** Scripts, styles and connections of this server only; WebAssembly for the noise suppression. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** @param name what is behind `/voice-demo/`, '' for the page */
export async function serveDemo(
  deps: HttpDeps,
  ip: string,
  name: string,
): Promise<Response | Failure> {
  const refused = limited(deps.rateTable, RATE_LIMITS.httpPerIp, addressKey(ip));
  if (refused !== undefined) return refused;
  const file = await deps.voiceDemo?.file(name);
  if (file === 'failed') return unavailable();
  if (file === undefined) return fail('not_found');
  return new Response(file.text, {
    headers: {
      'content-type': file.mediaType,
      'cache-control': file.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': POLICY,
      'permissions-policy': 'microphone=(self)',
      'referrer-policy': 'no-referrer',
    },
  });
}
