import { holdProcess, type Unsubscribe } from '../kernel/index.js'
import { READY_STATES, type ResultBackend, type TaskResult } from '../result/index.js'

/** How far a task is. */
export interface Progress {
  /** `PROGRESS`, or another state of the task's own. */
  readonly state: string
  /** 0–100, where the task has said so, or `current` and `total`. */
  readonly percent: number | undefined
  readonly current: number | undefined
  readonly total: number | undefined
  /** All that the task has said, as `ctx.progress` or Python's `update_state` stored it. */
  readonly meta: unknown
}

/** How to follow a task. */
export interface ProgressOptions {
  /** Ends the iteration, not the task. */
  readonly signal?: AbortSignal
}

/** States that say nothing about how far a task is. */
const SILENT: ReadonlySet<string> = new Set(['PENDING', 'RECEIVED', 'STARTED', 'RETRY'])
/** What waits for a slow reader; older ones give way. */
const KEPT = 100

/** What a task says of its progress, as it is stored, until it has ended. */
export async function* watchProgress(
  id: string,
  host: { results(): Promise<ResultBackend> },
  { signal }: ProgressOptions = {},
): AsyncGenerator<Progress, void, undefined> {
  const backend = await host.results()
  const waiting: Progress[] = []
  let isOver = false
  let wake = (): void => {}
  const on = ({ state, result }: TaskResult): void => {
    if (READY_STATES.has(state)) isOver = true
    else if (!SILENT.has(state)) waiting.push(progressOf(state, result))
    if (waiting.length > KEPT) waiting.shift()
    wake()
  }
  const onAbort = (): void => wake()
  signal?.addEventListener('abort', onAbort)
  const stop: Unsubscribe = backend.watch([id], on)
  // A subscription does not keep a process alive; somebody who iterates means it to.
  const release = holdProcess()
  try {
    while (!signal?.aborted) {
      const next = waiting.shift()
      if (next) yield next
      else if (isOver) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
          if (signal?.aborted) resolve()
        })
    }
  } finally {
    release()
    signal?.removeEventListener('abort', onAbort)
    stop()
  }
}

function progressOf(state: string, meta: unknown): Progress {
  const said: Readonly<Record<string, unknown>> = typeof meta === 'object' && meta !== null ? { ...meta } : {}
  const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
  const [current, total] = [number(said.current), number(said.total)]
  const counted = current !== undefined && total ? Math.round((1000 * current) / total) / 10 : undefined
  return { state, percent: number(said.percent) ?? counted, current, total, meta }
}
