/**
 * The 'fan-out' actor of a gateway thread: the mailbox through which streams, users and logins reach
 * its sockets (FanOutP). The state is the thread's, not the actor's: when the actor is started again,
 * all streams are asked to attach anew and nothing is lost. Must never wait.
 */
import type { FanOutP } from '../channels/index.ts';
import { type Ctx, defineActor } from '../runtime/index.ts';
import type { FanOut } from './fan-out.ts';
import type { PresenceOps } from './presence-ops.ts';

/** Name of the actor on its thread. */
export const FAN_OUT_NAME = 'fan-out';
/** Bound of messages not yet handled. A refused publish is a hole, found by the next one or by HEAD. */
const MAILBOX_MAX = 200_000;

/** What the actor is the mailbox of. */
export interface FanOutBinding {
  readonly fanOut: FanOut;
  readonly presence: PresenceOps;
  /** The actor lives: `ctx.self` is what streams know this thread by. */
  bind(ctx: Ctx<FanOutP>): void;
  closeConn(conn: number, code: number): void;
  loginRevoked(login: string, untilMs: number): void;
}

/** The actor; its argument and its state are the binding. */
export const FanOutActor = defineActor<FanOutP, FanOutBinding, FanOutBinding>({
  name: FAN_OUT_NAME,
  init: (ctx, binding) => {
    binding.bind(ctx);
    return binding;
  },
  handle: {
    attached: ({ fanOut }, m) => fanOut.attached(m),
    publish: ({ fanOut }, m) => fanOut.publish(m),
    chunk: ({ fanOut }, m) => fanOut.chunk(m),
    head: ({ fanOut }, m) => fanOut.head(m),
    ephemeral: ({ fanOut }, m) => fanOut.ephemeral.publish(m),
    revoke: ({ fanOut }, m) => fanOut.revoke(m),
    windowOpened: ({ presence }, m) => presence.windows.windowOpened(m),
    leaves: ({ presence }, m) => presence.windows.leaves(m),
    windowEnd: ({ presence }, m) => presence.windows.windowEnd(m),
    windowsLost: ({ presence }, m) => presence.windows.windowsLost(m),
    whoIs: ({ presence }, m) => presence.whoIs(m),
    tellAll: ({ presence }) => presence.tellAll(),
    closeConn: (binding, { conn, code }) => binding.closeConn(conn, code),
    loginRevoked: (binding, { login, until }) => binding.loginRevoked(login, until),
  },
  onDown: ({ fanOut, presence }, { ref }) => {
    fanOut.down(ref);
    presence.windows.down(ref);
  },
  mailbox: { limit: MAILBOX_MAX },
});
