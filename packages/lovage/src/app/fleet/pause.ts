import type { AppCore } from '../core/index.js'

/** The space in which paused queues are recorded. */
export const PAUSED = 'paused'

/** Keeps the cluster's workers from claiming from queues, until they are resumed. */
export async function pauseQueues(core: AppCore, queues: readonly string[]): Promise<void> {
  await (await core.coordination()).put(
    PAUSED,
    queues.map((key) => ({ key, value: '1' })),
  )
}

/** Undoes a pause; returns how many of the queues were paused. */
export async function resumeQueues(core: AppCore, queues: readonly string[]): Promise<number> {
  return (await core.coordination()).remove(
    PAUSED,
    queues.map((key) => ({ key })),
  )
}

/** The queues that are paused. */
export async function pausedQueues(core: AppCore): Promise<readonly string[]> {
  return (await (await core.coordination()).list(PAUSED)).map(({ key }) => key).sort()
}
