import type { CoordinationStore } from '../../coordination/index.js'

/** Where paused queues stand. */
export const PAUSED = 'paused'

interface PauseHost {
  coordination(): Promise<CoordinationStore>
}

/** Keeps the cluster's workers from claiming from queues, until they are resumed. */
export async function pauseQueues(host: PauseHost, queues: readonly string[]): Promise<void> {
  await (await host.coordination()).put(
    PAUSED,
    queues.map((key) => ({ key, value: '1' })),
  )
}

/** Undoes a pause; tells how many of the queues were paused. */
export async function resumeQueues(host: PauseHost, queues: readonly string[]): Promise<number> {
  return (await host.coordination()).remove(
    PAUSED,
    queues.map((key) => ({ key })),
  )
}

/** The queues that are paused. */
export async function pausedQueues(host: PauseHost): Promise<readonly string[]> {
  return (await (await host.coordination()).list(PAUSED)).map(({ key }) => key).sort()
}
