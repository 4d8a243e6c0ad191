/** Tokens that no server may accept, made from one that it did. Test process only. */
import { generateKeyPairSync, sign } from 'node:crypto';

/** Every way in which a token can be wrong without being merely old. */
export function forgedTokens(real: string): string[] {
  const [head = '', claims = '', signature = ''] = real.split('.');
  const json = (text: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(text, 'base64url').toString());
  const pack = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { privateKey } = generateKeyPairSync('ed25519');
  const resigned = (header: object, body: object): string => {
    const input = `${pack(header)}.${pack(body)}`;
    return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
  };
  const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
  return [
    `${head}.${claims}.${flipped}`,
    `${head}.${claims}.`,
    `${pack({ ...json(head), alg: 'none' })}.${claims}.`,
    `${pack({ ...json(head), alg: 'HS256' })}.${claims}.${signature}`,
    `${head}.${pack({ ...json(claims), sub: '1' })}.${signature}`,
    resigned(json(head), json(claims)),
    resigned({ ...json(head), kid: 'unknown' }, json(claims)),
    resigned(json(head), { ...json(claims), aud: 'other' }),
    '',
    'not a token',
    'a.b.c',
    'x'.repeat(3000),
  ];
}
