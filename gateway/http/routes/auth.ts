/** Accounts: register, login, refresh, logout. Gateway threads; the work itself is in Accounts. */
import type { Grant, Result } from '../../../channels/index.ts';
import { addressKey } from '../../address.ts';
import { RATE_LIMITS } from '../../rates/index.ts';
import { askOnce, unwrap } from '../ask.ts';
import type { ErrorCode } from '../errors.ts';
import { limited } from '../limiter.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { HttpDeps } from '../types.ts';
import { userView } from '../views.ts';

const tag = 'auth';
/** As long as answers of other routes are kept. */
const KEPT_MS = 86_400_000;
const REPEATED: ReadonlySet<ErrorCode> = new Set(['username_taken', 'invite_expired']);

export function authRoutes(deps: HttpDeps): readonly Route[] {
  return [registerRoute(deps), loginRoute(deps), refreshRoute(deps), logoutRoute(deps)];
}

/** The answer to a grant: a fresh access token for its login. */
async function session<S extends number>(
  deps: HttpDeps,
  status: S,
  run: () => Promise<Result<Grant>>,
) {
  const granted = unwrap(await askOnce(run));
  return granted.ok ? answerOf(deps, status, granted.value) : granted.failure;
}

async function answerOf<S extends number>({ issuer }: HttpDeps, status: S, grant: Grant) {
  const { user, login, refreshToken, scopes } = grant;
  const { token, expiresAt } = await issuer.issue(user.id, login, scopes);
  const body = { user: userView(user), accessToken: token, refreshToken, expiresAt };
  return reply(status, body);
}

function registerRoute(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/auth/register',
    tag,
    summary: 'Create an account and log in',
    description:
      'At most 10 per hour and address. Answers with tokens are never kept: with an Idempotency-Key, the same user name and password within 24 h get 201 with the same user and fresh tokens.',
    auth: 'none',
    limit: 'general',
    rates: [{ limit: RATE_LIMITS.registerPerIp, key: ({ ip }) => addressKey(ip) }],
    idempotency: 'itself',
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
    handle: async ({ body, keyed }) => {
      const { username, password, displayName, email, invite } = body;
      const ask = () =>
        deps.accounts.register({
          username: username.toLowerCase(),
          password,
          displayName: displayName ?? username,
          ...(email == null ? {} : { email }),
          ...(invite == null ? {} : { invite }),
        });
      const made = unwrap(await askOnce(ask));
      if (made.ok) return answerOf(deps, 201, made.value);
      // The first attempt took the name, and an invite for one.
      const repeated = keyed && REPEATED.has(made.failure.failed);
      const grant = repeated ? await ownAccount(deps, username, password) : undefined;
      return grant === undefined ? made.failure : answerOf(deps, 201, grant);
    },
  });
}

/**
 * The account that an earlier attempt made and whose answer was lost. It is a try to log in, and is
 * counted as one.
 */
async function ownAccount(
  deps: HttpDeps,
  username: string,
  password: string,
): Promise<Grant | undefined> {
  const account = await deps.accounts.accountKey(username);
  if (limited(deps.rateTable, RATE_LIMITS.loginPerAccount, account) !== undefined) return undefined;
  const granted = unwrap(await askOnce(() => deps.accounts.login({ username, password })));
  if (!granted.ok) return undefined;
  const isYoung = granted.value.user.createdAt > deps.clock.now() - KEPT_MS;
  return isYoung ? granted.value : undefined;
}

function loginRoute(deps: HttpDeps): Route {
  return route({
    method: 'POST',
    path: '/api/v1/auth/login',
    tag,
    summary: 'Log in with user name or e-mail address and password',
    description:
      'At most 10 per 15 minutes and account, 30 per address. A repeat is another login: answers with tokens are never kept. 403 with the right password: an operator has disabled the account.',
    auth: 'none',
    limit: 'general',
    // Address first: one that may not try any more does not use up the account's tries.
    rates: [
      { limit: RATE_LIMITS.loginPerIp, key: ({ ip }) => addressKey(ip) },
      {
        limit: RATE_LIMITS.loginPerAccount,
        key: ({ body }) => deps.accounts.accountKey(body.username),
      },
    ],
    idempotency: 'itself',
    body: schemas.loginBody,
    answers: { 200: schemas.session },
    errors: ['bad_credentials', 'forbidden'],
    handle: ({ body }) => session(deps, 200, () => deps.accounts.login(body)),
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
    idempotency: 'itself',
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
    summary: 'End the login of a refresh token; one that leads to none is 204 too',
    auth: 'none',
    limit: 'general',
    idempotency: 'itself',
    body: schemas.refreshBody,
    answers: { 204: null },
    handle: async ({ body }) => {
      const done = unwrap(await askOnce(() => deps.accounts.logout(body)));
      return done.ok ? reply(204) : done.failure;
    },
  });
}
