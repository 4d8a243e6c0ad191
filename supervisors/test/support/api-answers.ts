/** Reads error answers of the HTTP API and checks the form that api.md gives them. Test process only. */
import { expect } from 'vitest';
import type { HttpAnswer } from './http-client.ts';

const ERROR_KEYS = ['code', 'message', 'field', 'retryAfterMs', 'requestId'];

/** `[status, code]` or `[status, code, field]` of an error answer; fails where its form is another. */
export function errorOf(answer: HttpAnswer): [number, string, string?] {
  const body = answer.body as { code: string; message: string; field?: string; requestId: string };
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(typeof body.message).toBe('string');
  expect(body.requestId).toBe(answer.headers['x-request-id']);
  expect(Object.keys(body).filter((key) => !ERROR_KEYS.includes(key))).toEqual([]);
  return body.field === undefined
    ? [answer.status, body.code]
    : [answer.status, body.code, body.field];
}

let counter = 0;

/** A user name that this process has not used yet. */
export function unique(stem: string): string {
  counter += 1;
  return `${stem}_${counter}`;
}
