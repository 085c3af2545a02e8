import { randomUUID } from 'node:crypto'
import type { Person } from '../access/person.js'
import type { Fleet } from '../fleets/fleet.js'
import type { JobLine } from '../history/job-line.js'

/** The most jobs shown per fleet. */
const MOST = 200
/** How often a running job is written, also when it makes no progress: its dashboard is alive. */
const BEAT_MS = 2_000
/** A dashboard that has not been seen for so long is dead. */
const STALE_MS = 10_000

/** One step of a job's progress. */
export interface Progress {
  readonly done: number
  readonly failed: number
}

type Job = { -readonly [Key in keyof JobLine]: JobLine[Key] }
interface Running {
  readonly job: Job
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** Background jobs on everything that a search finds. They are kept in the history: one whose dashboard died is shown as interrupted. */
export class Jobs {
  readonly #running = new Map<string, Running>()
  readonly #onInterrupted: (fleet: Fleet, job: JobLine) => Promise<void>
  readonly #timers = new Map<Fleet, NodeJS.Timeout>()
  #isClosing = false

  /** @param onInterrupted Called once for each job whose dashboard died, for the audit log. */
  constructor(onInterrupted: (fleet: Fleet, job: JobLine) => Promise<void>) {
    this.#onInterrupted = onInterrupted
  }

  /** Looks for jobs of a dashboard that died, now and again. */
  watch(fleet: Fleet): void {
    const look = (): void =>
      void this.#findInterrupted(fleet).then(() => {
        if (!this.#isClosing) this.#timers.set(fleet, setTimeout(look, STALE_MS).unref())
      })
    look()
  }

  /** The jobs of a fleet, newest first. */
  async list(fleet: Fleet): Promise<readonly JobLine[]> {
    await this.#findInterrupted(fleet)
    const stored = (await fleet.tried('history', () => fleet.store.jobs(MOST))) ?? []
    const own = [...this.#running.values()].map(({ job }) => job).filter((job) => job.fleet === fleet.name)
    const known = new Set(own.map(({ id }) => id))
    return [...own.map((job) => ({ ...job })), ...stored.filter(({ id }) => !known.has(id))].sort(
      (one, other) => other.startedMs - one.startedMs,
    )
  }

  /**
   * Starts a job.
   * @param work Works a batch at a time, and yields the progress.
   * @param onEnd Called at its end, for the audit log.
   * @throws When the history cannot be written: nothing was done then.
   */
  async begin(
    fleet: Fleet,
    { action, target, expected }: Pick<JobLine, 'action' | 'target' | 'expected'>,
    person: Person,
    work: (signal: AbortSignal) => AsyncIterable<Progress>,
    onEnd: (job: JobLine) => Promise<void>,
  ): Promise<string> {
    const job: Job = {
      id: randomUUID(),
      fleet: fleet.name,
      action,
      target,
      person: person.name,
      startedMs: Date.now(),
      endedMs: null,
      state: 'running',
      expected,
      done: 0,
      failed: 0,
      error: null,
    }
    await fleet.store.putJob(job, Date.now())
    const stop = new AbortController()
    const ended = this.#run(fleet, job, stop.signal, work)
      .then(() => onEnd({ ...job }))
      .finally(() => this.#running.delete(job.id))
    this.#running.set(job.id, { job, stop, ended })
    ended.catch((error: unknown) =>
      fleet.app.logger.error({ err: error }, 'the end of a job was not written'),
    )
    return job.id
  }

  /** Stops a job after its current batch; returns false when it is not running here. */
  stop(id: string): boolean {
    const running = this.#running.get(id)
    if (running?.job.state !== 'running') return false
    running.stop.abort()
    return true
  }

  /** Stops all jobs, and resolves when they have ended. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort()
    await Promise.allSettled(running.map(({ ended }) => ended))
  }

  async #run(
    fleet: Fleet,
    job: Job,
    signal: AbortSignal,
    work: (signal: AbortSignal) => AsyncIterable<Progress>,
  ): Promise<void> {
    const write = (): Promise<void> => fleet.store.putJob({ ...job }, Date.now())
    // A history that is away for a while stops no job; its end is written, or said.
    const beat = setInterval(() => void fleet.tried('history', write), BEAT_MS)
    try {
      for await (const { done, failed } of work(signal)) {
        job.done += done
        job.failed += failed
        await fleet.tried('history', write)
        if (signal.aborted) break
      }
      job.state = signal.aborted ? 'stopped' : 'done'
    } catch (error) {
      job.state = 'failed'
      job.error = error instanceof Error ? error.message : String(error)
    }
    clearInterval(beat)
    if (job.state === 'stopped' && this.#isClosing) job.error = 'the dashboard was ended'
    job.endedMs = Date.now()
    await fleet.tried('history', write)
  }

  async #findInterrupted(fleet: Fleet): Promise<void> {
    const found = await fleet.tried('history', () => fleet.store.interruptJobs(Date.now() - STALE_MS))
    for (const job of found ?? []) await this.#onInterrupted(fleet, job)
  }
}
