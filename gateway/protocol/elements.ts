/**
 * A small language for the elements of a frame: what the catalogue is written in, and what PROTOCOL.md's tables and the
 * AsyncAPI document are made from. Data and pure functions; runs anywhere.
 */

/** Types of a single value. */
export type Scalar =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u53'
  | 'bool'
  | 'str'
  | 'any'
  /** `sid`, `gid`, `uid`, role: one number space. */
  | 'id'
  /** Request id, at least 1. */
  | 'rid'
  /** ms since 1970, server clock. */
  | 'ts';

/** One element of a frame, a body or a nested list. */
export type Element =
  | {
      readonly is: 'scalar';
      readonly name: string;
      readonly type: Scalar;
      readonly optional: boolean;
    }
  /** `[a, b]` in this place. */
  | {
      readonly is: 'tuple';
      readonly name: string;
      readonly elements: readonly Element[];
      readonly optional: boolean;
    }
  /** `[a, ...]`: any number of values. */
  | {
      readonly is: 'values';
      readonly name: string;
      readonly of: Element;
      readonly optional: boolean;
    }
  /** `[[a, b], ...]`: any number of lists of one form. */
  | {
      readonly is: 'list';
      readonly name: string;
      readonly elements: readonly Element[];
      readonly optional: boolean;
    }
  /** All further elements. */
  | { readonly is: 'rest'; readonly name: string; readonly optional: true };

/** One opcode. */
export interface OpRow {
  /** Elements after the opcode. */
  readonly frame: readonly Element[];
  /** Elements of the OK after its rid; absent: a client's op without a reply, or an op of the server. */
  readonly result?: readonly Element[];
  readonly what: string;
}

/**
 * One value.
 * @param name as on the page; a `?` at its end: may be null, or missing at the end
 * @param type of the value
 */
export function one(name: string, type: Scalar = 'u53'): Element {
  return { is: 'scalar', type, ...named(name) };
}

/**
 * A fixed list in one place.
 * @param name as on the page, `?` as in `one`
 * @param elements what it holds
 */
export function tuple(name: string, ...elements: readonly Element[]): Element {
  return { is: 'tuple', elements, ...named(name) };
}

/**
 * Any number of values of the same type.
 * @param of what each is
 * @param mark `?`: may be null, or missing at the end
 */
export function values(of: Element, mark: '' | '?' = ''): Element {
  return { is: 'values', of, name: of.name, optional: mark === '?' };
}

/**
 * Any number of lists of the same form.
 * @param name as on the page, `?` as in `one`
 * @param elements what each holds
 */
export function list(name: string, ...elements: readonly Element[]): Element {
  return { is: 'list', elements, ...named(name) };
}

/**
 * All further elements of the frame.
 * @param name as on the page
 */
export function rest(name: string): Element {
  return { is: 'rest', name, optional: true };
}

function named(name: string): { readonly name: string; readonly optional: boolean } {
  return name.endsWith('?')
    ? { name: name.slice(0, -1), optional: true }
    : { name, optional: false };
}

/**
 * Elements as the page writes them: `rid, sid, [[uid, seq], ...], name?`.
 * @param elements elements in order
 */
export function notation(elements: readonly Element[]): string {
  return elements.map((element) => `${form(element)}${isMarked(element) ? '?' : ''}`).join(', ');
}

function isMarked(element: Element): boolean {
  return element.optional && element.is !== 'rest';
}

function form(element: Element): string {
  switch (element.is) {
    case 'scalar':
      return element.name;
    case 'rest':
      return `...${element.name}`;
    case 'tuple':
      return `[${notation(element.elements)}]`;
    case 'values':
      return `[${form(element.of)}, ...]`;
    case 'list':
      return `[[${notation(element.elements)}], ...]`;
  }
}

/** A JSON Schema of what the elements allow. */
export type Schema = Readonly<Record<string, unknown>>;

const U53_MAX = Number.MAX_SAFE_INTEGER;

const SCALARS: Readonly<Record<Scalar, Schema>> = {
  u8: { type: 'integer', minimum: 0, maximum: 255 },
  u16: { type: 'integer', minimum: 0, maximum: 65_535 },
  u32: { type: 'integer', minimum: 0, maximum: 0xffff_ffff },
  u53: { type: 'integer', minimum: 0, maximum: U53_MAX },
  id: { type: 'integer', minimum: 0, maximum: U53_MAX },
  rid: { type: 'integer', minimum: 0, maximum: 0xffff_ffff },
  ts: { type: 'integer', minimum: 0, maximum: U53_MAX },
  bool: { type: 'boolean' },
  str: { type: 'string' },
  any: {},
};

/**
 * The JSON Schema of an array with these elements; more at the end are allowed.
 * @param elements elements in order
 * @param first schemas of what comes before them, the opcode for one
 */
export function arraySchema(elements: readonly Element[], first: readonly Schema[] = []): Schema {
  const fixed = elements.filter((element) => element.is !== 'rest');
  const lastRequired = fixed.findLastIndex((element) => !element.optional);
  return {
    type: 'array',
    prefixItems: [...first, ...fixed.map(elementSchema)],
    minItems: first.length + lastRequired + 1,
  };
}

function elementSchema(element: Element): Schema {
  const title = element.name === '' ? {} : { title: element.name };
  const schema = { ...title, ...valueSchema(element) };
  return element.optional && element.is !== 'rest'
    ? { ...title, anyOf: [valueSchema(element), { type: 'null' }] }
    : schema;
}

function valueSchema(element: Element): Schema {
  if (element.is === 'scalar') return SCALARS[element.type];
  if (element.is === 'tuple') return arraySchema(element.elements);
  if (element.is === 'rest') return {};
  const items = element.is === 'values' ? valueSchema(element.of) : arraySchema(element.elements);
  return { type: 'array', items };
}
