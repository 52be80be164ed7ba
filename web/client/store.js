// A value that changes, and who wants to know. One contract for all: React's
// `useSyncExternalStore(store.subscribe, store.getSnapshot)`, Svelte's `$store`, plain code.

export class Store {
  #listeners = new Set();
  /** The value as it is; the same object until something has changed. */
  getSnapshot;

  constructor(read) {
    this.getSnapshot = read;
  }

  /** Calls `listener(value)` now and after each change; returns what ends that. */
  subscribe = (listener) => {
    // Of its own: a function that subscribes twice is told twice, and ends one at a time.
    const tell = () => shield(listener, this.getSnapshot());
    this.#listeners.add(tell);
    tell();
    return () => { this.#listeners.delete(tell); };
  };

  changed() {
    // One that another ends meanwhile is not told any more.
    for (const tell of [...this.#listeners]) if (this.#listeners.has(tell)) tell();
  }
}

/** Calls what is not ours. Its error is reported as uncaught, and stops nothing here. */
export function shield(call, value) {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
