/** The AsyncAPI document: complete, closed in itself, and as the tables say. Real frames: supervisors/test/asyncapi.e2e.test.ts. */
import { describe, expect, test } from 'vitest';
import { OP_ROWS } from './catalogue-ops.ts';
import { arraySchema, list, notation, one, rest, tuple, values } from './elements.ts';
import { asyncApiDocument, CLIENT_OPS, Close, Err, Kind, Op } from './index.ts';

type Json = Readonly<Record<string, unknown>>;

const document = asyncApiDocument({ version: '1.2.3', publicUrl: 'https://chat.example:8443' });
const { messages } = document.components as { messages: Readonly<Record<string, Json>> };
const operations = document.operations as Readonly<Record<string, Json>>;

/** What a `#/a/b` points at. */
function resolve(ref: string): unknown {
  const path = ref.replace('#/', '').split('/');
  return path.reduce<unknown>((node, key) => (node as Json | undefined)?.[key], document);
}

function refsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = '$ref' in node && typeof node.$ref === 'string' ? [node.$ref] : [];
  return [...own, ...Object.values(node).flatMap(refsIn)];
}

describe('asyncApiDocument', () => {
  test('any document: version 3, the server from its URL, every reference leads somewhere', () => {
    expect(document.asyncapi).toBe('3.0.0');
    expect(document.servers).toEqual({
      gateway: { host: 'chat.example:8443', pathname: '/gw', protocol: 'wss' },
    });
    const refs = refsIn(document);
    expect(refs.length).toBeGreaterThan(100);
    for (const ref of refs) expect(resolve(ref), ref).toBeDefined();
  });

  test('operations: one for each opcode, replies where there are some', () => {
    for (const [name, op] of Object.entries(Op)) {
      expect(messages[name]).toMatchObject({ 'x-opcode': op });
      if (op === Op.OK || op === Op.ERR) continue;
      const isClient = CLIENT_OPS.has(op);
      const operation = operations[`${isClient ? 'receive' : 'send'}${name}`];
      expect(operation).toMatchObject({ action: isClient ? 'receive' : 'send' });
      const { result } = OP_ROWS[name as keyof typeof Op];
      expect('reply' in operation!).toBe(isClient && result !== undefined);
    }
  });

  test('kinds, errors and close codes: all of them', () => {
    for (const [name, kind] of Object.entries(Kind)) {
      expect(messages[`EV_${name}`]).toMatchObject({ 'x-kind': kind });
    }
    expect(document['x-errors']).toHaveLength(Object.keys(Err).length);
    expect(document['x-close-codes']).toHaveLength(Object.keys(Close).length);
  });

  test('a document: plain JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});

describe('elements', () => {
  const elements = [
    one('a'),
    tuple('b?', one('c'), one('d', 'str')),
    list('e', one('f'), one('g?')),
    values(one('h')),
    rest('i'),
  ];

  test('notation: every form, as the page writes it', () => {
    expect(notation(elements)).toBe('a, [c, d]?, [[f, g?], ...], [h, ...], ...i');
  });

  test('arraySchema: minItems ends with the last element that must be there, more are allowed', () => {
    const schema = arraySchema([one('a'), one('b?', 'str')], [{ const: 7 }]);
    expect(schema).toMatchObject({ type: 'array', minItems: 2 });
    expect(schema).not.toHaveProperty('items');
    expect(schema.prefixItems).toHaveLength(3);
  });
});
