/**
 * Addresses of peers as text for limits, bans and logs (gateway.md P18, P19). Pure; gateway threads.
 * Used by HTTP and sockets alike. Never reads a forwarded address: no setting says whom to trust yet.
 */

/**
 * Canonical text of a socket address as uWebSockets.js gives it (4 or 16 bytes): IPv4 dotted, also
 * when mapped into IPv6; IPv6 compressed as RFC 5952 says. Any other length (a socket that is gone)
 * gives `unknown`.
 */
export function normalizeAddress(address: ArrayBuffer | Uint8Array): string {
  const bytes = address instanceof Uint8Array ? address : new Uint8Array(address);
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return 'unknown';
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push((((bytes[i] as number) << 8) | (bytes[i + 1] as number)).toString(16));
  }
  return compress(groups);
}

/**
 * Key for limits per address: IPv4 as it is, IPv6 cut to its /64, which is what one customer gets
 * and can change at will.
 * @param ip canonical text from `normalizeAddress`
 */
export function addressKey(ip: string): string {
  return ip.includes(':') ? expand(ip).slice(0, 4).join(':') : ip;
}

/** Whether the peer is on this machine. */
export function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

function expand(text: string): string[] {
  const [head = '', tail] = text.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...new Array<string>(zeros).fill('0'), ...right];
}

/** RFC 5952: the longest run of zero groups (two or more, the first of equals) becomes `::`. */
function compress(groups: readonly string[]): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (groups[i + length] === '0') length++;
    if (length > bestLength) {
      bestStart = i;
      bestLength = length;
    }
    i += Math.max(0, length - 1);
  }
  if (bestStart < 0) return groups.join(':');
  const left = groups.slice(0, bestStart).join(':');
  return `${left}::${groups.slice(bestStart + bestLength).join(':')}`;
}
