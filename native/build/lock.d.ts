/** Types of native/setup/lock.mjs, which is plain JavaScript since the launcher runs it on any Node. */
declare module '*/setup/lock.mjs' {
  /** Runs `work` while holding the lock at `path`; `onWait` is called once, when there is an owner to wait for. */
  export function withLock<T>(
    path: string,
    onWait: () => void,
    work: () => T | Promise<T>,
  ): Promise<T>;
}
