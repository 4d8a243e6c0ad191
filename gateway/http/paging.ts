/**
 * Pages of lists that are whole in memory (their number is bounded by the domain). Pure; gateway
 * threads. A cursor says where in the order a page ended, not how many came before: what is added or
 * deleted meanwhile neither repeats nor hides the rest.
 */

/** Place of an item in its list; lists are in ascending order of it. */
export type Place = readonly number[];

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Items behind `after`, at most `limit`; `next` is null at the end. */
export function pageOf<T>(
  all: readonly T[],
  placeOf: (item: T) => Place,
  { after, limit }: { readonly after?: Place | undefined; readonly limit: number },
): Page<T> {
  const rest =
    after === undefined ? all : all.filter((item) => comparePlaces(placeOf(item), after) > 0);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const more = rest.length > items.length && last !== undefined;
  return { items, next: more ? placeOf(last).join('.') : null };
}

/** A page that was read from a store with one item more than asked, to see whether anything follows. */
export function storedPage<T>(
  read: readonly T[],
  limit: number,
  cursorOf: (item: T) => number,
): Page<T> {
  const items = read.slice(0, limit);
  const last = items.at(-1);
  const more = read.length > limit && last !== undefined;
  return { items, next: more ? String(cursorOf(last)) : null };
}

export function comparePlaces(a: Place, b: Place): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
