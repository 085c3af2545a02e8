/**
 * Sends a message to the parent process, if it listens. A parent that has just exited is not an error: code that needs to know listens
 * for `disconnect`.
 */
export function tellParent(message: unknown): void {
  // Without the callback, a channel closing at this moment would throw where no code can catch it.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
