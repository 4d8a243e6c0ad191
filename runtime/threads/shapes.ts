/**
 * Shapes of objects as the writer of a lane knows them: a tree of steps from key to key, each of which
 * remembers the one taken last, so that an object of a usual shape costs one comparison per key.
 */
import { FIELD_NAME_MAX, SHAPES_MAX, STEPS_MAX } from './wire.ts';

export interface Shape {
  readonly number: number;
  readonly keys: readonly string[];
}

class Step {
  shape: Shape | undefined = undefined;
  /** The key and the step taken last from here. */
  lastKey = '';
  last: Step | undefined = undefined;
  #others: Map<string, Step> | undefined = undefined;

  find(key: string): Step | undefined {
    const step = this.#others?.get(key);
    if (step !== undefined) this.#remember(key, step);
    return step;
  }

  add(key: string): Step {
    const step = new Step();
    this.#others ??= new Map();
    this.#others.set(key, step);
    this.#remember(key, step);
    return step;
  }

  #remember(key: string, step: Step): void {
    this.lastKey = key;
    this.last = step;
  }
}

export class Shapes {
  readonly #root = new Step();
  readonly #onNew: (shape: Shape) => void;
  #steps = 0;
  #count = 0;

  /** `onNew` is told of a shape before its number is used. */
  constructor(onNew: (shape: Shape) => void) {
    this.#onNew = onNew;
  }

  /** The shape of a plain object; undefined when it gets no number. */
  of(object: object): Shape | undefined {
    let step = this.#root;
    for (const key in object) {
      const next =
        step.lastKey === key && step.last !== undefined ? step.last : this.#next(step, key);
      if (next === undefined) return undefined;
      step = next;
    }
    return step.shape ?? this.#define(step, object);
  }

  #next(step: Step, key: string): Step | undefined {
    const known = step.find(key);
    if (known !== undefined) return known;
    if (this.#steps >= STEPS_MAX || this.#count >= SHAPES_MAX || !isFieldName(key)) {
      return undefined;
    }
    this.#steps++;
    return step.add(key);
  }

  #define(step: Step, object: object): Shape | undefined {
    if (this.#count >= SHAPES_MAX) return undefined;
    const shape = { number: this.#count++, keys: Object.keys(object) };
    step.shape = shape;
    this.#onNew(shape);
    return shape;
  }
}

function isFieldName(key: string): boolean {
  if (key.length > FIELD_NAME_MAX || key === '__proto__') return false;
  const first = key.charCodeAt(0);
  return !(first >= 0x30 && first <= 0x39);
}
