/** A job on everything that a search finds. */
export interface JobLine {
  readonly id: string
  readonly fleet: string
  readonly action: string
  readonly target: string
  readonly person: string
  /** Unix ms. */
  readonly startedMs: number
  readonly endedMs: number | null
  /** `interrupted`: the dashboard died while it ran. */
  readonly state: 'running' | 'done' | 'failed' | 'stopped' | 'interrupted'
  /** The count before it started. */
  readonly expected: number
  readonly done: number
  readonly failed: number
  readonly error: string | null
}

/** The outcome shown for a job whose dashboard died. */
const INTERRUPTED =
  'the dashboard ended while it ran; its last batch may have been done without being counted'

/** Only lines that were written here are read. */
export const jobOf = (line: string): JobLine => JSON.parse(line) as JobLine

/** A job that was running when its dashboard was last seen. */
export const interrupted = (job: JobLine, seenMs: number): JobLine => ({
  ...job,
  state: 'interrupted',
  endedMs: seenMs,
  error: INTERRUPTED,
})
