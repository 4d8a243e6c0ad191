/**
 * The verbs `token.*`: access tokens for operators and for programs, with scopes and a bounded life, and their end before that.
 * Main thread. A token is shown once and kept nowhere.
 */
import { z } from 'zod';
import {
  type FanOutP,
  SERVICE_UID,
  type ServiceToken,
  ServiceTokens,
  UserAdmin,
} from '../../../channels/index.ts';
import { at, cast, slotsOf } from '../../../runtime/index.ts';
import { openKeys } from '../../keys.ts';
import { ADMIN_SLOT_NUMBER } from '../../policies.ts';
import { defineVerb } from '../define.ts';
import type { AdminVerb, VerbResult } from '../types.ts';
import type { OperationsDeps } from './operations-deps.ts';
import { refusal } from './users.ts';

const TIMEOUT_MS = 15_000;
const TTL_LEAST_S = 60;
const DAY_S = 86_400;
/** A year: a token that cannot be forgotten. */
const TTL_MOST_S = 366 * DAY_S;
/** Name of the actor that each gateway thread hears of ended logins by (gateway/fan-out-actor.ts). */
const FAN_OUT = 'fan-out';

/** What a token may let its bearer do. */
export const TOKEN_SCOPES = ['admin', 'admin.danger', 'metrics'] as const;

const createArgs = z.strictObject({
  /** What it is for, for the list. */
  name: z.string().regex(/^[\w.@ -]{1,64}$/),
  scopes: z.array(z.enum(TOKEN_SCOPES)).min(1).max(TOKEN_SCOPES.length),
  ttlS: z.number().int().min(TTL_LEAST_S).max(TTL_MOST_S).default(DAY_S),
  /** Whom it speaks for; without, a program. */
  user: z.string().min(1).max(254).optional(),
});
const revokeArgs = z.strictObject({ id: z.string().regex(/^[\w-]{1,64}$/) });

type CreateArgs = z.output<typeof createArgs>;

/** A token in the list: everything but the token. */
export interface TokenView {
  /** What `token.revoke` takes. */
  readonly id: string;
  readonly name: string;
  readonly userId: string | null;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** All verbs about tokens. */
export function tokenVerbs(deps: OperationsDeps): readonly AdminVerb[] {
  const { clock, rng, store } = deps;
  const tokens = new ServiceTokens({ docs: store.docs, clock, rng });
  const list = defineVerb({
    name: 'token.list',
    about: 'tokens that were made here and live',
    effect: 'read',
    args: z.strictObject({}),
    timeoutMs: TIMEOUT_MS,
    async run() {
      const found = await tokens.list();
      return found.ok ? { ok: true, value: { items: found.value.map(view) } } : refusal(found);
    },
  });
  const revoke = defineVerb({
    name: 'token.revoke',
    about: 'end a token before its time',
    effect: 'act',
    args: revokeArgs,
    timeoutMs: TIMEOUT_MS,
    async run({ id }) {
      const ended = await tokens.end(id);
      if (!ended.ok) return refusal(ended);
      const { expiresAt: until, login } = ended.value;
      for (const slot of slotsOf('gateway'))
        cast(at<FanOutP>(slot, FAN_OUT), 'loginRevoked', { login, until });
      return { ok: true, value: view(ended.value) };
    },
  });
  const create = defineVerb({
    name: 'token.create',
    about: 'make an access token with scopes; it is shown once',
    effect: 'danger',
    args: createArgs,
    timeoutMs: TIMEOUT_MS,
    run: (args) => createToken(deps, tokens, args),
  });
  return [list, create, revoke];
}

async function createToken(
  deps: OperationsDeps,
  tokens: ServiceTokens,
  { name, scopes, ttlS, user }: CreateArgs,
): Promise<VerbResult<TokenView & { readonly token: string }>> {
  const { clock, config, replaceKeys, rng, store } = deps;
  let uid = SERVICE_UID;
  if (user !== undefined) {
    const { docs } = store;
    const accessTokenTtlMs = config.accessTokenTtlS * 1000;
    const slotNumber = ADMIN_SLOT_NUMBER;
    const users = new UserAdmin({ docs, clock, rng, slotNumber, accessTokenTtlMs });
    const found = await users.find(user);
    if (!found.ok) return refusal(found);
    uid = found.value.id;
  }
  const noted = await tokens.note({ name, uid, scopes, ttlMs: ttlS * 1000 });
  if (!noted.ok) return refusal(noted);
  const { dataDir, tokenAlg: alg } = config;
  // The signing key has to verify as long as the longest token that it gave lives.
  const keys = await openKeys({ dataDir, alg, accessTokenTtlS: ttlS, clock });
  replaceKeys(keys.keySet);
  const { createTokenIssuer, KeyRing } = await import('../../../gateway/auth/index.ts');
  const ring = await KeyRing.open(keys.keySet);
  const issuer = createTokenIssuer({ keys: ring, instanceId: keys.instanceId, ttlS, clock });
  const { token } = await issuer.issue(uid, noted.value.login, scopes);
  return { ok: true, value: { ...view(noted.value), token } };
}

function view(token: ServiceToken): TokenView {
  const { createdAt, expiresAt, login: id, name, scopes, uid } = token;
  const userId = uid === SERVICE_UID ? null : String(uid);
  return { id, name, userId, scopes, createdAt, expiresAt };
}
