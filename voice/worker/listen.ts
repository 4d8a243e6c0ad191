/**
 * Where the workers listen and what addresses clients are told. Pure, but for the look-up of a host name.
 */
import { lookup } from 'node:dns/promises';
import { isIPv4, isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { TransportListenInfo } from 'mediasoup/types';
import type { ListenOptions } from './types.ts';

/** All peers of a worker share one socket: the default of 208 KiB holds about 5 ms of 50,000 small packets/s (voice.md 6). */
export const UDP_BUFFER_BYTES = 4 * 1024 * 1024;
/** Addresses of one machine that are listened on, where it says "all of them". */
const ADDRESSES_MAX = 8;

export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

interface Place {
  readonly ip: string;
  readonly announced?: string;
  readonly ipv6Only?: boolean;
}

/** HOST as addresses: itself, or what its name stands for. */
export async function addressesOf(host: string): Promise<string[]> {
  if (isIPv4(host) || isIPv6(host)) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/**
 * UDP first, then TCP on the same number, for each address.
 * @param addresses of HOST. The wildcards, where no address is announced, mean every address of the machine's interfaces: a
 *   candidate has to be one that clients can send to.
 * @param port 0 for any free ones (then UDP and TCP differ)
 */
export function listenInfos(
  listen: ListenOptions,
  addresses: readonly string[],
  port: number,
  interfaces: Interfaces,
): TransportListenInfo[] {
  const places = addresses.flatMap((address) => placesOf(listen, address, interfaces));
  return (['udp', 'tcp'] as const).flatMap((protocol) =>
    places.map(({ ip, announced, ipv6Only }) => ({
      protocol,
      ip,
      ...(announced === undefined ? {} : { announcedAddress: announced }),
      ...(port === 0 ? {} : { port }),
      ...(ipv6Only === true ? { flags: { ipv6Only } } : {}),
      // For TCP it would be memory per connection.
      ...(protocol === 'udp'
        ? { recvBufferSize: UDP_BUFFER_BYTES, sendBufferSize: UDP_BUFFER_BYTES }
        : {}),
    })),
  );
}

/** Ports of the workers' own making: pipes and links to processes, on loopback. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

const LINKS: PortRange = { min: 10_000, max: 59_999 };

/** Where links may take ports: never from those of the slots, one of which may be free just now. The larger side of them. */
export function linkPorts(basePort: number, slots: number): PortRange {
  const end = basePort + slots - 1;
  if (basePort === 0 || end < LINKS.min || basePort > LINKS.max) return LINKS;
  const below = { min: LINKS.min, max: basePort - 1 };
  const above = { min: end + 1, max: LINKS.max };
  return below.max - below.min > above.max - above.min ? below : above;
}

function placesOf(
  { announcedIpv4, announcedIpv6 }: ListenOptions,
  address: string,
  interfaces: Interfaces,
): Place[] {
  const own = Object.values(interfaces).flatMap((list) => list ?? []);
  if (address === '0.0.0.0') return wildcard4(announcedIpv4, own);
  if (address === '::') return [...wildcard4(announcedIpv4, own), ...wildcard6(announcedIpv6, own)];
  const announced = isIPv6(address) ? announcedIpv6 : announcedIpv4;
  return [announced === undefined ? { ip: address } : { ip: address, announced }];
}

function wildcard4(announced: string | undefined, own: readonly NetworkInterfaceInfo[]): Place[] {
  if (announced !== undefined) return [{ ip: '0.0.0.0', announced }];
  const addresses = own.filter(({ family }) => family === 'IPv4').map(({ address }) => address);
  return addresses.slice(0, ADDRESSES_MAX).map((ip) => ({ ip }));
}

function wildcard6(announced: string | undefined, own: readonly NetworkInterfaceInfo[]): Place[] {
  if (announced !== undefined) return [{ ip: '::', announced, ipv6Only: true }];
  // Link-local addresses need a zone, which a candidate cannot carry.
  const addresses = own
    .filter(({ family, address }) => family === 'IPv6' && !/^fe[89ab]/i.test(address))
    .map(({ address }) => address);
  return addresses.slice(0, ADDRESSES_MAX).map((ip) => ({ ip, ipv6Only: true }));
}
