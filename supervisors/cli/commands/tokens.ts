/**
 * Owns the commands `token ...`: access tokens for operators and programs, by the verbs of the same names.
 */
import { callVerb, wrongValue } from '../ask.ts';
import { moment, table } from '../text.ts';
import type { CliCommand } from '../types.ts';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly userId: string | null;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly token?: string;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export const tokenCreate: CliCommand = {
  args: [{ name: 'name', about: 'what it is for' }],
  options: [
    {
      name: 'scopes',
      about: 'what it is good for: metrics, admin, admin.danger; several with commas',
      kind: 'text',
      value: 'LIST',
      fallback: 'metrics',
    },
    { name: 'ttl', about: 'life: 60s to 366d', kind: 'text', value: 'TIME', fallback: '1d' },
    {
      name: 'user',
      about: 'account that it speaks for; default a program',
      kind: 'text',
      value: 'USER',
    },
  ],
  more: 'The token is shown once and kept nowhere.',
  examples: [
    'token create prometheus --ttl 90d',
    'token create alice-laptop --scopes admin --user alice --ttl 8h',
  ],
  run: async (context, given) => {
    const ttlS = seconds(given.text('ttl') ?? '');
    if (ttlS === null)
      return wrongValue('ttl', given.text('ttl') ?? '', 'a time such as 12h or 30d');
    const user = given.text('user');
    const args = {
      name: given.arg('name'),
      scopes: (given.text('scopes') ?? '').split(',').map((scope) => scope.trim()),
      ttlS,
      ...(user === null ? {} : { user }),
    };
    return callVerb(context, 'token.create', args, (value) => {
      const { expiresAt, id, token } = value as Token;
      return `${token}\nid ${id}, until ${new Date(expiresAt).toISOString()}`;
    });
  },
};

function seconds(text: string): number | null {
  const [, number, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  return number === undefined ? null : Number(number) * (UNITS[unit] ?? 1);
}

export const tokenList: CliCommand = {
  run: (context) =>
    callVerb(context, 'token.list', {}, (value) => {
      const { items } = value as { readonly items: readonly Token[] };
      const now = context.clock.now();
      const rows = items.map(({ createdAt, expiresAt, id, name, scopes, userId }) => [
        id,
        name,
        scopes.join(','),
        userId ?? 'program',
        moment(createdAt, now),
        moment(expiresAt, now),
      ]);
      return table(['ID', 'NAME', 'SCOPES', 'FOR', 'CREATED', 'UNTIL'], rows);
    }),
};

export const tokenRevoke: CliCommand = {
  args: [{ name: 'id', about: 'of the list, not the token itself' }],
  run: (context, given) =>
    callVerb(context, 'token.revoke', { id: given.arg('id') }, (value) => {
      const { id, name } = value as Token;
      return `${name} (${id}) has ended`;
    }),
};
