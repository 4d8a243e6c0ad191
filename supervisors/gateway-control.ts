/**
 * Owns the actor through which the main thread tells a gateway thread about new keys and certificates, and to drain. Gateway threads.
 */
import type { GatewayHandle, KeyRing } from '../gateway/index.ts';
import { defineActor } from '../runtime/index.ts';
import type { KeyMaterial } from './keys.ts';
import type { Logger } from './log.ts';

export const GATEWAY_CONTROL = 'gateway-control';

export interface GatewayControlP {
  /** New connections and tokens use these keys; tokens of the previous one stay valid. */
  replaceKeys(keySet: KeyMaterial['keySet']): void;
  /** New connections get the certificate that is in the files now; a bad one changes nothing. */
  reloadTls(): void;
  /** Leaves in order (protocol.md 2.14); answers when the last connection has been closed. */
  drain(): null;
}

export interface GatewayControlArg {
  readonly gateway: GatewayHandle;
  /** Once, however often it is called. */
  readonly drain: () => Promise<void>;
  readonly keys: KeyRing;
  readonly log: Logger;
}

export const GatewayControl = defineActor<GatewayControlP, GatewayControlArg, GatewayControlArg>({
  name: GATEWAY_CONTROL,
  init: (_ctx, arg) => arg,
  handle: {
    replaceKeys: ({ keys }, keySet) => keys.replace(keySet),
    drain: async ({ drain }) => {
      await drain();
      return null;
    },
    reloadTls: ({ gateway, log }) => {
      try {
        gateway.reloadTls();
      } catch (error) {
        // The old certificate stays in use: clients are better served by it than by nothing.
        log.error({ err: error }, 'the new TLS certificate was not taken');
      }
    },
  },
});
