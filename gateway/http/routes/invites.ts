/** Invites: create, look at, use. Gateway threads. */
import type { GuildP } from '../../../channels/index.ts';
import { type Asked, askOnce, askRead, unwrap } from '../ask.ts';
import { fail } from '../errors.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { Caller, HttpDeps } from '../types.ts';
import { guildView, inviteView } from '../views.ts';

const tag = 'invites';
const DEFAULT_AGE_S = 7 * 86_400;
const CODE = /^[A-Za-z0-9_-]{1,64}$/;

export function inviteRoutes(deps: HttpDeps, publicUrl: string): readonly Route[] {
  return [createInvite(deps, publicUrl), previewInvite(deps), useInvite(deps)];
}

function createInvite(deps: HttpDeps, publicUrl: string): Route {
  return route({
    method: 'POST',
    path: '/api/v1/guilds/:id/invites',
    tag,
    summary: 'Create an invite (any member)',
    auth: 'user',
    limit: 'general',
    params: schemas.idParams,
    body: schemas.createInviteBody,
    answers: { 201: schemas.invite },
    errors: ['not_found', 'forbidden', 'conflict'],
    handle: async ({ uid, params, body }) => {
      const maxAgeS = body.maxAgeS ?? DEFAULT_AGE_S;
      const wish = {
        uid,
        maxUses: body.maxUses ?? null,
        maxAgeMs: maxAgeS === 0 ? null : maxAgeS * 1000,
      };
      const made = unwrap(await askOnce(() => deps.guild(params.id)('createInvite', wish)));
      return made.ok ? reply(201, inviteView(made.value, publicUrl)) : made.failure;
    },
  });
}

function previewInvite(deps: HttpDeps): Route {
  return route({
    method: 'GET',
    path: '/api/v1/invites/:code',
    tag,
    summary: 'What an invite leads to (no token needed)',
    auth: 'none',
    limit: 'general',
    params: schemas.codeParams,
    answers: { 200: schemas.invitePreview },
    errors: ['not_found', 'invite_expired'],
    handle: async ({ params }) => {
      const { code } = params;
      const led = await guildOf(deps, code);
      if (!led.ok) return led.failure;
      const guild = led.value;
      const found = unwrap(await askRead(deps.clock, () => guild('invite', { code })));
      if (!found.ok) return found.failure;
      const { id, name } = found.value.guild;
      const { memberCount } = found.value;
      return reply(200, { code, guild: { id: String(id), name, memberCount } });
    },
  });
}

function useInvite(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/invites/:code',
    tag,
    summary: 'Join the guild of an invite',
    description: 'A member gets the same answer again.',
    auth: 'user',
    limit: 'general',
    params: schemas.codeParams,
    answers: { 200: schemas.joined },
    errors: ['not_found', 'invite_expired', 'forbidden', 'conflict'],
    handle: async ({ uid, params }) => {
      const { code } = params;
      const led = await guildOf(deps, code);
      if (!led.ok) return led.failure;
      const guild = led.value;
      const done = unwrap(await askOnce(() => guild('join', { uid, code })));
      return done.ok ? reply(200, { guild: guildView(done.value) }) : done.failure;
    },
  });
}

/** The guild that an invite leads to. */
async function guildOf(deps: HttpDeps, code: string): Promise<Asked<Caller<GuildP>>> {
  if (!CODE.test(code)) return { ok: false, failure: fail('not_found') };
  const gid = unwrap(await askRead(deps.clock, () => deps.accounts.inviteGuild(code)));
  return gid.ok ? { ok: true, value: deps.guild(gid.value) } : gid;
}
