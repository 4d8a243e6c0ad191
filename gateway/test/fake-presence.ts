/** What a gateway thread asks and tells about who is there, recorded. Test support. */
import type { MonitorId } from '../../runtime/index.ts';
import type { PresenceUpstream } from '../upstream-presence.ts';

export interface FakePresence extends PresenceUpstream {
  /** Every op with its arguments, in order. */
  readonly heard: { readonly op: string; readonly args: readonly unknown[] }[];
}

/** Calls are answered with ok; windows never, the test does it. */
export function createFakePresence(): FakePresence {
  const heard: { readonly op: string; readonly args: readonly unknown[] }[] = [];
  const note =
    (op: string) =>
    (...args: unknown[]): void => {
      heard.push({ op, args });
    };
  let monitors = 0;
  return {
    heard,
    typing: note('typing'),
    live: note('live'),
    present: note('present'),
    windowOpen: note('windowOpen'),
    windowClose: note('windowClose'),
    setStatus: (...args) => {
      note('setStatus')(...args);
      return Promise.resolve({ ok: true, value: null });
    },
    members: (...args) => {
      note('members')(...args);
      return Promise.resolve({ ok: true, value: [] });
    },
    partners: (...args) => {
      note('partners')(...args);
      return Promise.resolve({ ok: true, value: [] });
    },
    monitorGuild: () => {
      monitors += 1;
      return monitors as unknown as MonitorId;
    },
    demonitor: note('demonitor'),
  };
}
