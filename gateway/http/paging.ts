/**
 * Pages of lists. A cursor says where in the order a page ended, not how many came before: what is
 * added or deleted meanwhile neither repeats nor hides the rest. Pure; gateway threads.
 */

/** Place of an item in its list; lists are in ascending order of it. */
export type Place = string | readonly number[];

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** What the query of a list says. */
export interface PageQuery {
  readonly after?: Place | undefined;
  readonly limit: number;
}

/** A page of a list that is whole in memory (its length is bounded by the domain). */
export function pageOf<T>(
  all: readonly T[],
  placeOf: (item: T) => Place,
  { after, limit }: PageQuery,
): Page<T> {
  const sorted = all.toSorted((a, b) => comparePlaces(placeOf(a), placeOf(b)));
  const rest =
    after === undefined ? sorted : sorted.filter((item) => comparePlaces(placeOf(item), after) > 0);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const more = rest.length > items.length && last !== undefined;
  return { items, next: more ? cursorOf(placeOf(last)) : null };
}

/**
 * A page that is read from a store: `read` gives up to `limit` items behind `after` (undefined: from the
 * start). Asked for one more where it may be, to see whether anything follows.
 */
export async function readPage<T, F>(
  { after, limit }: { readonly after?: number | undefined; readonly limit: number },
  read: (
    after: number | undefined,
    limit: number,
  ) => Promise<{ readonly ok: true; readonly value: readonly T[] } | F>,
  placeOf: (item: T) => number,
): Promise<{ readonly ok: true; readonly value: Page<T> } | F> {
  const found = await read(after, limit);
  if (!isRead(found)) return found;
  const items = found.value;
  const last = items.at(-1);
  if (items.length < limit || last === undefined) return { ok: true, value: { items, next: null } };
  const further = await read(placeOf(last), 1);
  if (!isRead(further)) return further;
  const next = further.value.length === 0 ? null : String(placeOf(last));
  return { ok: true, value: { items, next } };
}

function isRead<T, F>(
  outcome: { readonly ok: true; readonly value: readonly T[] } | F,
): outcome is { readonly ok: true; readonly value: readonly T[] } {
  return (outcome as { readonly ok?: boolean }).ok === true;
}

function cursorOf(place: Place): string {
  return typeof place === 'string' ? place : place.join('.');
}

/** Negative, 0 or positive, as for `sort`. Both of one kind. */
export function comparePlaces(a: Place, b: Place): number {
  if (typeof a === 'string' || typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
