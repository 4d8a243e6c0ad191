/**
 * Owns the commands `user ...`: accounts, by the verbs of the same names. A password is never a word of the command line, which
 * other users of the machine can read.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { callVerb, ended, withAdmin } from '../ask.ts';
import { done, failed } from '../outcome.ts';
import { moment, table } from '../text.ts';
import type { AdminConnection, CliCommand, CliContext, CliOption, Given } from '../types.ts';

interface Account {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly createdAt: number;
  readonly disabledAt: number | null;
  readonly admin: boolean;
}

const USER = { name: 'user', about: 'id, user name or e-mail address' } as const;
const PASSWORD_FILE: CliOption = {
  name: 'password-file',
  about:
    'file with the password in its first line, - for standard input; without, one is made and shown',
  kind: 'text',
  value: 'FILE',
};
/** 120 bits as text. */
const PASSWORD_BYTES = 15;
const PAGE = 500;

export const userList: CliCommand = {
  options: [
    {
      name: 'limit',
      about: 'accounts at most',
      kind: 'number',
      min: 1,
      max: 100_000,
      fallback: 1000,
    },
  ],
  run: (context, given) =>
    withAdmin(context, async (admin) => {
      const accounts = await pages(admin, given.number('limit') ?? PAGE);
      if ('code' in accounts) return failed(accounts.code, accounts.message);
      const now = context.clock.now();
      const rows = accounts.map((one) => [
        one.id,
        one.username,
        one.displayName,
        moment(one.createdAt, now),
        one.admin ? 'admin' : '',
        one.disabledAt === null ? '' : 'disabled',
      ]);
      const head = ['ID', 'USER', 'NAME', 'CREATED', 'SCOPE', 'STATE'];
      return done({ items: accounts }, table(head, rows));
    }),
};

async function pages(
  admin: AdminConnection,
  most: number,
): Promise<readonly Account[] | { readonly code: string; readonly message: string }> {
  const found: Account[] = [];
  let after = 0;
  while (found.length < most) {
    const limit = Math.min(PAGE, most - found.length);
    const page = await admin.call('user.list', { after, limit });
    if (!page.ok) return page;
    const { items, next } = page.value as { items: readonly Account[]; next: number | null };
    found.push(...items);
    if (next === null) break;
    after = next;
  }
  return found;
}

export const userCreate: CliCommand = {
  args: [{ name: 'username', about: '2 to 32 of a-z, 0-9, _ and .' }],
  options: [
    { name: 'display-name', about: 'default the user name', kind: 'text', value: 'NAME' },
    { name: 'email', about: 'e-mail address', kind: 'text', value: 'ADDRESS' },
    PASSWORD_FILE,
  ],
  more: 'Works whatever REGISTRATION says.',
  examples: ['user create alice', 'user create alice --password-file - < password.txt'],
  run: async (context, given) => {
    const password = await passwordOf(context, given);
    const args = {
      username: given.arg('username'),
      password: password.text,
      ...named('displayName', given.text('display-name')),
      ...named('email', given.text('email')),
    };
    return withPassword(context, 'user.create', args, password, 'was made');
  },
};

export const userPassword: CliCommand = {
  args: [USER],
  options: [PASSWORD_FILE],
  more: 'Ends all logins of the account.',
  run: async (context, given) => {
    const password = await passwordOf(context, given);
    const args = { user: given.arg('user'), password: password.text };
    return withPassword(context, 'user.password', args, password, 'has a new password');
  },
};

export const userDisable = change('user.disable', 'is disabled, its logins have ended');
export const userEnable = change('user.enable', 'may log in again');
export const userAdmin: CliCommand = {
  args: [USER],
  options: [{ name: 'off', about: 'take it again, and end the logins', kind: 'flag' }],
  more: 'Access tokens of the account have the scope admin from its next login or refresh on.',
  run: (context, given) => {
    const [verb, what] = given.flag('off')
      ? ['user.unadmin', 'is no admin any more']
      : ['user.admin', 'is an admin from the next login on'];
    return callVerb(context, verb, { user: given.arg('user') }, (value) => say(value, what));
  },
};

function change(verb: string, what: string): CliCommand {
  return {
    args: [USER],
    run: (context, given) =>
      callVerb(context, verb, { user: given.arg('user') }, (value) => say(value, what)),
  };
}

interface Password {
  readonly text: string;
  /** Nobody knows it yet. */
  readonly isNew: boolean;
}

async function passwordOf({ sources, terminal }: CliContext, given: Given): Promise<Password> {
  const file = given.text('password-file');
  if (file === null)
    return { text: randomBytes(PASSWORD_BYTES).toString('base64url'), isNew: true };
  const all =
    file === '-' ? await readAll(terminal.stdin) : readFileSync(resolve(sources.cwd, file), 'utf8');
  return { text: all.split(/\r?\n/, 1)[0] ?? '', isNew: false };
}

function withPassword(
  context: CliContext,
  verb: string,
  args: unknown,
  { isNew, text }: Password,
  what: string,
) {
  return withAdmin(context, async (admin) => {
    const answer = await admin.call(verb, args);
    if (!answer.ok || !isNew) return ended(answer, (value) => say(value, what));
    const document = { ...(answer.value as Account), password: text };
    return done(document, `${say(answer.value, what)}\npassword: ${text}`);
  });
}

function say(value: unknown, what: string): string {
  const { id, username } = value as Account;
  return `${username} (${id}) ${what}`;
}

function named(key: string, value: string | null): Readonly<Record<string, string>> {
  return value === null ? {} : { [key]: value };
}
