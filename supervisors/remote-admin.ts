/**
 * Whether this server takes admin connections from outside (setting ADMIN), and the relay of a gateway thread if it does. Gateway threads.
 */
import { AdminRelay, type AdminRelayOptions } from '../gateway/admin/index.ts';
import { startSupervisor } from '../runtime/index.ts';
import type { Config } from './config.ts';
import { OBSERVER_RESTARTS } from './policies.ts';

/** `auto` means: where only this machine can connect. */
export function takesRemoteAdmins({ admin, host }: Pick<Config, 'admin' | 'host'>): boolean {
  return admin === 'auto' ? isLoopbackHost(host) : admin === 'on';
}

/** Tokens of admins would cross a network unencrypted, unless something in front of the server adds TLS. */
export function sendsAdminTokensPlain(config: Pick<Config, 'admin' | 'host' | 'tlsCert'>): boolean {
  return takesRemoteAdmins(config) && !isLoopbackHost(config.host) && config.tlsCert === null;
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The relay with its actor running; undefined: `/admin` is an address like any other that is not there. */
export async function startRemoteAdmin(
  config: Config,
  options: Omit<AdminRelayOptions, 'allowedOrigins'>,
): Promise<AdminRelay | undefined> {
  if (!takesRemoteAdmins(config)) return undefined;
  const relay = new AdminRelay({
    ...options,
    allowedOrigins: [config.publicUrl, ...config.corsOrigins],
  });
  await startSupervisor({ ...OBSERVER_RESTARTS, children: [relay.child()] });
  return relay;
}
