import {
  compose,
  failure,
  type Middleware,
  type Outcome,
  type RunContext,
  type TaskContext,
} from '../app/index.js'
import type { Job } from './pools/job.js'

/** Runs a job. */
export type RunJob = (job: Job) => Outcome | Promise<Outcome>

/** Wraps runs in an app's middleware; one that throws fails its task, never its worker. */
export function withMiddleware(middleware: readonly Middleware[], run: RunJob): RunJob {
  const wrappers = middleware.flatMap((one) => (one.run ? [one.run.bind(one)] : []))
  if (wrappers.length === 0) return run
  const jobs = new WeakMap<TaskContext, Job>()
  const wrapped = compose<RunContext, Outcome>(wrappers, async ({ context }) => {
    const job = jobs.get(context)
    if (!job) throw new TypeError('a middleware passed on another context than it was given')
    return run(job)
  })
  return async (job) => {
    jobs.set(job.context, job)
    try {
      return await wrapped({ context: job.context })
    } catch (error) {
      return failure(job.task, error)
    }
  }
}
