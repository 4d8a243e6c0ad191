/**
 * ICE servers for clients: TURN with credentials that end by themselves. Pure.
 *
 * The media workers are their own ICE servers (ice-lite, one fixed port), so STUN is of no use; TURN is for networks that let only
 * TCP through. Credentials are those of TURN's REST scheme (coturn: use-auth-secret): the name says until when they hold, the
 * password is a keyed hash of it, so that the TURN server needs no list of users. It must be allowed to reach the media ports only:
 * an open one is a proxy into the private network.
 */
import { createHmac } from 'node:crypto';
import type { Id } from '../channels/index.ts';
import type { Ms } from '../runtime/index.ts';

/** coturn asks for them when a client comes, not during the call. */
const TTL_S = 3_600;

export interface TurnOptions {
  /** `turn:` and `turns:` addresses, as browsers take them; none: no TURN. */
  readonly urls: readonly string[];
  /** Shared with the TURN server. */
  readonly secret: string | null;
}

/** As RTCIceServer. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/**
 * What RTCPeerConnection takes as iceServers; empty without TURN.
 * @param now wall clock
 */
export function iceServers({ urls, secret }: TurnOptions, uid: Id, now: Ms): readonly IceServer[] {
  if (urls.length === 0) return [];
  if (secret === null) return [{ urls }];
  const username = `${Math.floor(now / 1000) + TTL_S}:${uid}`;
  // SHA-1 is the scheme's; as an HMAC key's hash it is not broken.
  const credential = createHmac('sha1', secret).update(username).digest('base64');
  return [{ urls, username, credential }];
}

/** Whether a text is an address that browsers take as a TURN server. */
export function isTurnUrl(text: string): boolean {
  return /^turns?:(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/i.test(text);
}
