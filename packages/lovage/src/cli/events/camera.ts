import { open } from 'node:fs/promises'
import type { Cluster } from '../../app/fleet/index.js'

/** The options of a camera: its interval and its file. */
export interface CameraOptions {
  readonly file: string
  /** Milliseconds between snapshots. */
  readonly everyMs: number
  readonly signal: AbortSignal
  /** Returns the ids of tasks with events since the last call. */
  readonly takeChanged: () => readonly string[]
  readonly now: () => number
}

/**
 * Appends snapshots of the cluster to a file periodically, one JSON object per line: the nodes, and the tasks with events since the
 * previous snapshot. The last one is taken at the end. Resolves to the number of snapshots.
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
      // A whole line at once: a reader never sees a partial snapshot.
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
