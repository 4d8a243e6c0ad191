/**
 * A checker for the part of JSON Schema that the AsyncAPI document uses. Written for tests; an unknown keyword is a
 * fault, so that nothing passes unchecked. Pure.
 */

export type Schema = Readonly<Record<string, unknown>>;

const KNOWN = new Set([
  'title',
  'type',
  'const',
  'minimum',
  'maximum',
  'minItems',
  'prefixItems',
  'items',
  'anyOf',
]);

/** Where the value does not fit, as `path: what`; empty when it fits. */
export function schemaFaults(schema: Schema, value: unknown, path = '$'): string[] {
  const unknown = Object.keys(schema).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) return [`${path}: keywords ${unknown.join(', ')} are not known here`];
  if ('const' in schema && schema.const !== value) {
    return [`${path}: ${JSON.stringify(value)}, wanted ${JSON.stringify(schema.const)}`];
  }
  if (Array.isArray(schema.anyOf)) {
    const fits = (schema.anyOf as Schema[]).some((one) => schemaFaults(one, value).length === 0);
    return fits ? [] : [`${path}: ${JSON.stringify(value)} is none of the choices`];
  }
  if (typeof schema.type === 'string' && typeOf(value) !== schema.type) {
    return [`${path}: ${typeOf(value)}, wanted ${schema.type}`];
  }
  if (Array.isArray(value)) return arrayFaults(schema, value, path);
  if (typeof value !== 'number') return [];
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  const isWithin = value >= (minimum as number) && value <= (maximum as number);
  return isWithin ? [] : [`${path}: ${value} is out of bounds`];
}

function arrayFaults(schema: Schema, value: readonly unknown[], path: string): string[] {
  const least = (schema.minItems ?? 0) as number;
  if (value.length < least) return [`${path}: ${value.length} elements, wanted at least ${least}`];
  const fixed = (schema.prefixItems ?? []) as Schema[];
  return value.flatMap((item, i) => {
    const own = fixed[i] ?? (schema.items as Schema | undefined);
    return own === undefined ? [] : schemaFaults(own, item, `${path}[${i}]`);
  });
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
