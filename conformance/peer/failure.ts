/** How a case says what it expected and did not get. Pure. */

/** An expectation of the page that the server did not meet. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** Throws Failure unless it holds. */
export function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Failure(what);
}

/** Throws Failure unless the two have the same JSON. */
export function same(got: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (left !== right) throw new Failure(`${what}: got ${left}, wanted ${right}`);
}
