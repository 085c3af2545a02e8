import { compose, failure, type Middleware, type Outcome, type RunContext } from '../app/index.js'
import type { Job } from './pools/job.js'

/** Runs a job. */
export type RunJob = (job: Job) => Outcome | Promise<Outcome>

/** The job travels with what middleware hands on: looked up in a map beside it, it would cost as much as a small task. */
const JOB = Symbol('job')
interface JobContext extends RunContext {
  readonly [JOB]?: Job
}

/** Wraps runs in an app's middleware; one that throws fails its task, never its worker. */
export function withMiddleware(middleware: readonly Middleware[], run: RunJob): RunJob {
  const wrappers = middleware.flatMap((one) => (one.run ? [one.run.bind(one)] : []))
  if (wrappers.length === 0) return run
  const wrapped = compose<RunContext, Outcome>(wrappers, (given: JobContext) => {
    const job = given[JOB]
    if (job?.context !== given.context)
      return Promise.reject(new TypeError('a middleware passed on another context than it was given'))
    const outcome = run(job)
    return outcome instanceof Promise ? outcome : Promise.resolve(outcome)
  })
  return (job) => {
    const failed = (error: unknown): Outcome => failure(job.task, error)
    try {
      const given: JobContext = { context: job.context, [JOB]: job }
      return wrapped(given).catch(failed)
    } catch (error) {
      return failed(error)
    }
  }
}
