/** Accounts: register, login, refresh, logout. Gateway threads; the work itself is in Accounts. */
import type { Grant, Result } from '../../../channels/index.ts';
import { addressKey } from '../../address.ts';
import { RATE_LIMITS } from '../../rates/index.ts';
import { askOnce, unwrap } from '../ask.ts';
import type { Failure } from '../errors.ts';
import { limited } from '../limiter.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { HttpDeps } from '../types.ts';
import { userView } from '../views.ts';

const tag = 'auth';

export function authRoutes(deps: HttpDeps): readonly Route[] {
  return [registerRoute(deps), loginRoute(deps), refreshRoute(deps), logoutRoute(deps)];
}

/** The answer to a grant: a fresh access token for its login. */
async function session<S extends number>(
  { issuer }: HttpDeps,
  status: S,
  run: () => Promise<Result<Grant>>,
) {
  const granted = unwrap(await askOnce(run));
  if (!granted.ok) return granted.failure;
  const { user, login, refreshToken } = granted.value;
  const { token, expiresAt } = await issuer.issue(user.id, login);
  const body = { user: userView(user), accessToken: token, refreshToken, expiresAt };
  return reply(status, body);
}

/**
 * Spellings that Accounts takes for one account share its tries (trim, NFC, case folded). Address
 * first: one that may not try any more does not use up the account's tries.
 */
function loginLimited({ rateTable }: HttpDeps, ip: string, account: string): Failure | undefined {
  return (
    limited(rateTable, RATE_LIMITS.loginPerIp, addressKey(ip)) ??
    limited(rateTable, RATE_LIMITS.loginPerAccount, account.trim().normalize('NFC').toLowerCase())
  );
}

function registerRoute(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/auth/register',
    tag,
    summary: 'Create an account and log in',
    description: 'At most 10 per hour and address.',
    auth: 'none',
    limit: 'general',
    body: schemas.registerBody,
    answers: { 201: schemas.session },
    errors: [
      'username_taken',
      'conflict',
      'registration_closed',
      'invite_required',
      'invite_expired',
      'not_found',
    ],
    handle: ({ body, ip }) => {
      const refused = limited(deps.rateTable, RATE_LIMITS.registerPerIp, addressKey(ip));
      if (refused !== undefined) return refused;
      const { username, password, displayName, email, invite } = body;
      return session(deps, 201, () =>
        deps.accounts.register({
          username: username.toLowerCase(),
          password,
          displayName: displayName ?? username,
          ...(email == null ? {} : { email }),
          ...(invite == null ? {} : { invite }),
        }),
      );
    },
  });
}

function loginRoute(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/auth/login',
    tag,
    summary: 'Log in with user name or e-mail address and password',
    description: 'At most 10 per 15 minutes and account, 30 per address.',
    auth: 'none',
    limit: 'general',
    body: schemas.loginBody,
    answers: { 200: schemas.session },
    errors: ['bad_credentials'],
    handle: ({ body, ip }) => {
      const refused = loginLimited(deps, ip, body.username);
      if (refused !== undefined) return refused;
      return session(deps, 200, () => deps.accounts.login(body));
    },
  });
}

function refreshRoute(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/auth/refresh',
    tag,
    summary: 'Exchange a refresh token for a new one and an access token',
    description:
      'A repeat within 10 s, while the successor is unused, gets the same successor. Any other second use ends the login.',
    auth: 'none',
    limit: 'general',
    body: schemas.refreshBody,
    answers: { 200: schemas.session },
    errors: ['unauthorized', 'token_expired', 'refresh_reused'],
    handle: ({ body }) => session(deps, 200, () => deps.accounts.refresh(body)),
  });
}

function logoutRoute(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/auth/logout',
    tag,
    summary: 'End the login of a refresh token',
    auth: 'none',
    limit: 'general',
    body: schemas.refreshBody,
    answers: { 204: null },
    errors: ['unauthorized', 'refresh_reused'],
    handle: async ({ body }) => {
      const done = unwrap(await askOnce(() => deps.accounts.logout(body)));
      return done.ok ? reply(204) : done.failure;
    },
  });
}
