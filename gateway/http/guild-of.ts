/** The guild that a channel belongs to, and the one that an invite leads to. Gateway threads. */
import { type Asked, askRead, unwrap } from './ask.ts';
import { fail } from './errors.ts';
import type { StreamLookup } from './stream-lookup.ts';
import type { HttpDeps } from './types.ts';

type GuildCaller = ReturnType<HttpDeps['guild']>;

/** A code of another form leads nowhere: codes are opaque to clients. */
const CODE = /^[A-Za-z0-9_-]{1,64}$/;

/** The guild of a channel or thread. */
export async function guildOfChannel(
  deps: HttpDeps,
  streams: StreamLookup,
  sid: number,
  requestId: string,
): Promise<Asked<GuildCaller>> {
  const info = await streams.guildChannel(sid);
  return info.ok ? { ok: true, value: deps.guild(info.value.gid, requestId) } : info;
}

export async function guildOfInvite(
  deps: HttpDeps,
  code: string,
  requestId: string,
): Promise<Asked<GuildCaller>> {
  if (!CODE.test(code)) return { ok: false, failure: fail('not_found') };
  const gid = unwrap(await askRead(deps.clock, () => deps.accounts.inviteGuild(code)));
  return gid.ok ? { ok: true, value: deps.guild(gid.value, requestId) } : gid;
}
