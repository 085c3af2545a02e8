import { LovageError } from '../kernel/index.js'

/** Kinds of resources that keep a process alive and that a closed app must not leave behind. */
const COUNTED = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeWrap',
  'PipeServerWrap',
  'MessagePort',
  'Timeout',
  'Worker',
  'ProcessWrap',
])

/**
 * The open resources, by kind.
 *
 * @example
 * import { openResources } from 'lovage/testing'
 * console.log([...openResources()]) // timers, sockets, …
 */
export function openResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (COUNTED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/**
 * Runs `work` and fails when it leaves connections, timers, threads or children behind.
 * @throws {LovageError} naming the kinds.
 * @example
 * import { withoutLeaks } from 'lovage/testing'
 * await withoutLeaks(() => add.delay(2, 3))
 */
export async function withoutLeaks<T>(work: () => Promise<T>): Promise<T> {
  const before = openResources()
  const value = await work()
  const leaked = (): string[] =>
    [...openResources()]
      .filter(([kind, count]) => count > (before.get(kind) ?? 0))
      .map(([kind, count]) => `${count - (before.get(kind) ?? 0)} ${kind}`)
  // Closing takes a few turns of the loop.
  for (let turns = 0; turns < 100 && leaked().length > 0; turns++)
    await new Promise((resolve) => setTimeout(resolve, 5).unref())
  const left = leaked()
  if (left.length > 0)
    throw new LovageError(`Left open: ${left.join(', ')}`, {
      code: 'LVG_CONNECTION_CLOSED',
      hint: 'Close the app, stop the worker.',
    })
  return value
}
