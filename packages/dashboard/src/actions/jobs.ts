import { randomUUID } from 'node:crypto'
import type { Person } from '../access/person.js'
import type { JobLine } from '../data/operations-pages.js'

/** The most jobs remembered per dashboard. */
const MOST = 200

/** One step of a job's progress. */
export interface Progress {
  readonly done: number
  readonly failed: number
}

type Job = { -readonly [Key in keyof JobLine]: JobLine[Key] } & { readonly stop: AbortController }

/** Background jobs on everything that a search finds. */
export class Jobs {
  readonly #jobs = new Map<string, Job>()
  readonly #running = new Set<Promise<void>>()

  /** The jobs of a fleet, newest first. */
  list(fleet: string): readonly JobLine[] {
    return [...this.#jobs.values()]
      .filter((job) => job.fleet === fleet)
      .reverse()
      .map(({ stop: _stop, ...line }) => ({ ...line }))
  }

  /**
   * Starts a job.
   * @param work Works a batch at a time, and yields the progress.
   * @param onEnd Called at its end, for the audit log.
   */
  begin(
    { fleet, action, target, expected }: Pick<JobLine, 'fleet' | 'action' | 'target' | 'expected'>,
    person: Person,
    work: (signal: AbortSignal) => AsyncIterable<Progress>,
    onEnd: (job: JobLine) => Promise<void>,
  ): string {
    const job: Job = {
      id: randomUUID(),
      fleet,
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
      stop: new AbortController(),
    }
    this.#jobs.set(job.id, job)
    for (const { id, state } of this.#jobs.values()) {
      if (this.#jobs.size <= MOST) break
      if (state !== 'running') this.#jobs.delete(id)
    }
    const running = this.#run(job, work).then(() => onEnd({ ...job }))
    this.#running.add(running)
    void running
      .finally(() => this.#running.delete(running))
      .catch(() => {
        // Reported by `settled`.
      })
    return job.id
  }

  /** Stops a job after its current batch; returns false when it is not running. */
  stop(id: string): boolean {
    const job = this.#jobs.get(id)
    if (job?.state !== 'running') return false
    job.stop.abort()
    return true
  }

  /** Stops all jobs, and resolves when they have ended. */
  async close(): Promise<void> {
    for (const { stop } of this.#jobs.values()) stop.abort()
    await Promise.allSettled(this.#running)
  }

  async #run(job: Job, work: (signal: AbortSignal) => AsyncIterable<Progress>): Promise<void> {
    try {
      for await (const { done, failed } of work(job.stop.signal)) {
        job.done += done
        job.failed += failed
        if (job.stop.signal.aborted) break
      }
      job.state = job.stop.signal.aborted ? 'stopped' : 'done'
    } catch (error) {
      job.state = 'failed'
      job.error = error instanceof Error ? error.message : String(error)
    }
    job.endedMs = Date.now()
  }
}
