/**
 * Where the SDK keeps what must outlive the program: unsent messages, herd_ms. The application injects
 * one; the default forgets.
 */

/** A place for small strings by key. */
export interface ClientStorage {
  /** null when there is none. */
  get(key: string): Promise<string | null>;
  /** Durable when it resolves, as far as the place can. */
  set(key: string, value: string): Promise<void>;
}

/**
 * Storage that lives as long as the object.
 */
export function memoryStorage(): ClientStorage {
  const values = new Map<string, string>();
  return {
    get: (key) => Promise.resolve(values.get(key) ?? null),
    set: (key, value) => {
      values.set(key, value);
      return Promise.resolve();
    },
  };
}

/**
 * Storage in a browser's localStorage (or anything of its shape).
 * @param area for example `localStorage`
 */
export function webStorage(area: Pick<Storage, 'getItem' | 'setItem'>): ClientStorage {
  return {
    get: async (key) => area.getItem(key),
    set: async (key, value) => area.setItem(key, value),
  };
}
