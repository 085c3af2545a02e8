/**
 * Sends to the process that started this one, if it listens. A parent that has just gone is no error: whoever needs to know
 * listens for `disconnect`.
 */
export function tellParent(message: unknown): void {
  // Without the callback a line that closes at this moment would throw where nobody can catch it.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
