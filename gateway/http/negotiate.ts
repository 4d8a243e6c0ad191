/** Reading of Accept, Content-Type and Authorization. Pure; gateway threads. */

/** Whether an Accept header allows application/json (RFC 9110 12.5.1; a header that says nothing allows it). */
export function acceptsJson(accept: string | null): boolean {
  if (accept === null || accept.trim() === '') return true;
  let bestRank = 0;
  let quality = 0;
  for (const entry of accept.split(',')) {
    const [range = '', ...params] = entry.split(';').map((part) => part.trim().toLowerCase());
    const rank =
      range === 'application/json' ? 3 : range === 'application/*' ? 2 : range === '*/*' ? 1 : 0;
    if (rank < bestRank || rank === 0) continue;
    const q = params.find((param) => param.startsWith('q='));
    const value = q === undefined ? 1 : Number(q.slice(2));
    quality = Number.isNaN(value) ? 1 : value;
    bestRank = rank;
  }
  return bestRank > 0 && quality > 0;
}

/** Whether a Content-Type is application/json in UTF-8. */
export function isJsonType(contentType: string | null): boolean {
  if (contentType === null) return false;
  const [type = '', ...params] = contentType.split(';').map((part) => part.trim().toLowerCase());
  if (type !== 'application/json') return false;
  return params.every((param) => {
    if (!param.startsWith('charset=')) return true;
    const charset = param.slice('charset='.length).replaceAll('"', '');
    return charset === 'utf-8' || charset === 'utf8';
  });
}

/** The token of `Authorization: Bearer ...`, undefined for anything else. */
export function bearerToken(authorization: string | null): string | undefined {
  if (authorization === null) return undefined;
  return /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization.trim())?.[1];
}
