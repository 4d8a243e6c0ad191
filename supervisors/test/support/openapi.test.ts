/** The checker of answers against a document sees what it must: planted differences in a small document. */
import { describe, expect, test } from 'vitest';
import type { HttpAnswer } from './http-client.ts';
import { ApiDocument } from './openapi.ts';

const DOCUMENT = {
  paths: {
    '/things/{id}': {
      get: {
        security: [{ bearer: [] }],
        responses: {
          '200': {
            headers: { etag: { $ref: '#/components/headers/ETag' }, 'x-left': {} },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
          },
          '204': {},
        },
      },
    },
  },
  components: {
    headers: { ETag: { required: true, schema: { type: 'string' } } },
    schemas: {
      Name: { type: 'string', pattern: '^[a-z]+$' },
      Thing: {
        type: 'object',
        properties: {
          name: { $ref: '#/components/schemas/Name' },
          size: { anyOf: [{ type: 'integer', minimum: 0 }, { type: 'null' }] },
        },
        required: ['name', 'size'],
        additionalProperties: false,
      },
    },
  },
};
const KEY = 'GET /things/{id}';
const good: HttpAnswer = {
  status: 200,
  headers: { etag: 'x', 'content-type': 'application/json; charset=utf-8' },
  text: '{}',
  body: { name: 'a', size: null },
};

describe('ApiDocument.check', () => {
  const document = new ApiDocument(DOCUMENT);

  test('an answer as documented: is noted', () => {
    expect([document.hasSeen(KEY, 200), document.statuses(KEY)]).toEqual([false, [200, 204]]);
    document.check(KEY, good);
    document.check(KEY, { ...good, headers: { ...good.headers, 'x-left': '1' } });
    expect(document.hasSeen(KEY, 200)).toBe(true);
    expect(document.operations.get(KEY)?.hasToken).toBe(true);
  });

  test.each([
    ['another status', { ...good, status: 201 }],
    ['a field too many', { ...good, body: { name: 'a', size: 1, more: 1 } }],
    ['a field missing', { ...good, body: { name: 'a' } }],
    ['another type', { ...good, body: { name: 'a', size: '1' } }],
    ['a value out of range', { ...good, body: { name: 'a', size: -1 } }],
    ['a pattern that does not fit', { ...good, body: { name: 'A', size: 1 } }],
    ['no body', { ...good, body: undefined }],
    ['a required header missing', { ...good, headers: { ...good.headers, etag: undefined } }],
    ['an unknown header', { ...good, headers: { ...good.headers, 'x-other': '1' } }],
    ['another content type', { ...good, headers: { etag: 'x', 'content-type': 'text/plain' } }],
    ['a body where there is none', { ...good, status: 204 }],
  ])('%s: is refused', (_what, answer) => {
    const headers = Object.fromEntries(
      Object.entries(answer.headers).filter(([, value]) => value !== undefined),
    );
    expect(() => document.check(KEY, { ...answer, headers })).toThrow();
  });

  test('an operation that is not there: is refused', () => {
    expect(() => document.check('POST /things', good)).toThrow('not in the document');
  });
});
