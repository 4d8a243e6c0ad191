/**
 * The verbs `user.*`: accounts. Main thread; passwords are hashed on the thread pool.
 */
import { z } from 'zod';
import {
  ACCOUNTS_PAGE_MAX,
  type Account,
  type DomainCode,
  type Result,
  UserAdmin,
} from '../../../channels/index.ts';
import { ADMIN_SLOT_NUMBER } from '../../policies.ts';
import { defineVerb } from '../define.ts';
import type { AdminVerb, VerbCode, VerbResult } from '../types.ts';
import type { OperationsDeps } from './operations-deps.ts';

const TIMEOUT_MS = 15_000;

/** Id, user name or e-mail address. */
const who = z.string().min(1).max(254);
const password = z.string().min(1).max(1024);
const listArgs = z.strictObject({
  after: z.number().int().min(0).default(0),
  limit: z.number().int().min(1).max(ACCOUNTS_PAGE_MAX).default(100),
});
const createArgs = z.strictObject({
  username: z.string().max(254),
  password,
  displayName: z.string().min(1).max(64).optional(),
  email: z.string().max(254).optional(),
});
const userArgs = z.strictObject({ user: who });
const passwordArgs = z.strictObject({ user: who, password });

/** An account on the wire: its id as text, as in REST. */
export type AccountView = Omit<Account, 'id'> & { readonly id: string };

/** All verbs about accounts. */
export function userVerbs({ clock, config, rng, store }: OperationsDeps): readonly AdminVerb[] {
  const { docs } = store;
  const accessTokenTtlMs = config.accessTokenTtlS * 1000;
  const slotNumber = ADMIN_SLOT_NUMBER;
  const users = new UserAdmin({ docs, clock, rng, slotNumber, accessTokenTtlMs });
  const common = { timeoutMs: TIMEOUT_MS } as const;
  const change = (
    name: string,
    about: string,
    effect: 'act' | 'danger',
    work: (user: string) => Promise<Result<Account>>,
  ): AdminVerb => {
    const run = async ({ user }: z.output<typeof userArgs>) => viewOf(await work(user));
    return defineVerb({ ...common, name, about, effect, args: userArgs, run });
  };
  const create = defineVerb({
    ...common,
    name: 'user.create',
    about: 'make an account, whatever REGISTRATION says',
    effect: 'act',
    args: createArgs,
    run: async ({ displayName, email, ...given }) =>
      viewOf(
        await users.create({
          ...given,
          ...(displayName === undefined ? {} : { displayName }),
          ...(email === undefined ? {} : { email }),
        }),
      ),
  });
  const setPassword = defineVerb({
    ...common,
    name: 'user.password',
    about: 'give an account a new password and end its logins',
    effect: 'danger',
    args: passwordArgs,
    run: async ({ password, user }) => viewOf(await users.setPassword(user, password)),
  });
  return [
    listVerb(users),
    create,
    setPassword,
    change('user.disable', 'end all logins of an account and refuse new ones', 'act', (user) =>
      users.setDisabled(user, true),
    ),
    change('user.enable', 'let a disabled account log in again', 'act', (user) =>
      users.setDisabled(user, false),
    ),
    change('user.admin', 'give an account the scope admin', 'danger', (user) =>
      users.setAdmin(user, true),
    ),
    change('user.unadmin', 'take the scope admin and end the logins', 'act', (user) =>
      users.setAdmin(user, false),
    ),
  ];
}

function listVerb(users: UserAdmin): AdminVerb {
  return defineVerb({
    name: 'user.list',
    about: 'accounts by id, a page at a time',
    effect: 'read',
    args: listArgs,
    timeoutMs: TIMEOUT_MS,
    async run({ after, limit }) {
      const found = await users.list(after, limit);
      if (!found.ok) return refusal(found);
      const next = found.value.length < limit ? null : (found.value.at(-1)?.id ?? null);
      return { ok: true, value: { items: found.value.map(view), next } };
    },
  });
}

function view(account: Account): AccountView {
  return { ...account, id: String(account.id) };
}

function viewOf(result: Result<Account>): VerbResult<AccountView> {
  return result.ok ? { ok: true, value: view(result.value) } : refusal(result);
}

const CODES: Partial<Record<DomainCode, VerbCode>> = {
  conflict: 'conflict',
  username_taken: 'conflict',
  invalid: 'invalid',
  not_found: 'not_found',
  unavailable: 'not_available',
};

/** What the domain refused, in the words of the admin socket. */
export function refusal(
  failure: Extract<Result<unknown>, { ok: false }>,
): Extract<VerbResult, { ok: false }> {
  const { code, field } = failure;
  const message = field === undefined ? code : `${code}: ${field}`;
  return { ok: false, code: CODES[code] ?? 'internal', message };
}
