import { READY_STATES, type ResultBackend } from '../../result/index.js'
import { told } from './told.js'

/** A task's progress. */
export interface Progress {
  /** `PROGRESS`, or another state of the task's own. */
  readonly state: string
  /** 0–100, if the task reported it, or `current` and `total`. */
  readonly percent: number | undefined
  readonly current: number | undefined
  readonly total: number | undefined
  /** Everything the task reported, as stored by `ctx.progress` or Python's `update_state`. */
  readonly meta: unknown
}

/** How to follow a task. */
export interface ProgressOptions {
  /** Ends the iteration, not the task. */
  readonly signal?: AbortSignal
}

/** States that say nothing about a task's progress. */
const SILENT: ReadonlySet<string> = new Set(['PENDING', 'RECEIVED', 'STARTED', 'RETRY'])
/** Number of items buffered for a slow reader; older ones are dropped. */
const KEPT = 100

/** A task's progress reports, as they are stored, until it has ended. */
export async function* watchProgress(
  id: string,
  host: { results(): Promise<ResultBackend> },
  { signal }: ProgressOptions = {},
): AsyncGenerator<Progress, void, undefined> {
  const backend = await host.results()
  yield* told<Progress>(
    ({ push, end }) =>
      backend.watch([id], ({ state, result }) => {
        if (READY_STATES.has(state)) end()
        else if (!SILENT.has(state)) push(progressOf(state, result))
      }),
    KEPT,
    signal,
  )
}

function progressOf(state: string, meta: unknown): Progress {
  const said: Readonly<Record<string, unknown>> = typeof meta === 'object' && meta !== null ? { ...meta } : {}
  const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
  const [current, total] = [number(said.current), number(said.total)]
  const counted = current !== undefined && total ? Math.round((1000 * current) / total) / 10 : undefined
  return { state, percent: number(said.percent) ?? counted, current, total, meta }
}
