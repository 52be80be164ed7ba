// Whether somebody looks at the page, and whether the machine has a net. Elsewhere than in a browser
// nobody tells, and nothing is assumed.

/** Calls `shown(isShown)` and `online(isOnline)` when that changes, and for a page opened unseen; returns what ends it. */
export function watchPresence({ shown, online }) {
  const { document } = globalThis;
  const pairs = [
    [document, 'visibilitychange', () => shown(!document.hidden)],
    [globalThis, 'online', () => online(true)],
    [globalThis, 'offline', () => online(false)],
  ];
  for (const [target, name, listener] of pairs) target?.addEventListener?.(name, listener);
  if (document?.hidden) shown(false);
  return () => {
    for (const [target, name, listener] of pairs) target?.removeEventListener?.(name, listener);
  };
}
