import { open } from 'node:fs/promises'
import type { Cluster } from '../../app/fleet/index.js'

/** What a camera takes pictures of, and where to. */
export interface CameraOptions {
  readonly file: string
  /** Milliseconds between two pictures. */
  readonly everyMs: number
  readonly signal: AbortSignal
  /** Ids of tasks of which something was heard since this was asked last. */
  readonly takeChanged: () => readonly string[]
  readonly now: () => number
}

/**
 * Appends a picture of the cluster to a file from time to time, a JSON object a line: the nodes, and the tasks of which something was heard
 * since the picture before. The last one is taken at the end. Resolves to how many were taken.
 */
export async function takePictures(cluster: Cluster, options: CameraOptions): Promise<number> {
  const { file, everyMs, signal, takeChanged, now } = options
  const handle = await open(file, 'a')
  let taken = 0
  try {
    for (let isLast = false; !isLast; ) {
      await pause(everyMs, signal)
      isLast = signal.aborted
      const picture = {
        time: new Date(now()).toISOString(),
        events: cluster.events,
        counts: cluster.counts,
        workers: cluster.workers,
        tasks: takeChanged().flatMap((id) => cluster.task(id) ?? []),
      }
      // A whole line at once: a reader never sees a part of a picture.
      await handle.appendFile(`${JSON.stringify(picture)}\n`)
      taken++
    }
  } finally {
    await handle.close()
  }
  return taken
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
