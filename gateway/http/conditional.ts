/**
 * ETag and If-None-Match (RFC 9110 8.8.3, 13.1.2): who has the answer already gets 304 without it.
 * Pure; gateway threads. The tag is a digest of the bytes, so equal answers have equal tags on every
 * thread and after a restart.
 */
import { hash } from 'node:crypto';

/** 128 bits of the body's SHA-256, quoted. */
export function entityTag(body: string): string {
  return `"${hash('sha256', body, 'base64url').slice(0, 22)}"`;
}

/** Whether an If-None-Match header names this tag (weak comparison, `*` names every tag). */
export function namesTag(ifNoneMatch: string | null, tag: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(',').some((entry) => {
    const given = entry.trim();
    return given === '*' || given === tag || given === `W/${tag}`;
  });
}
