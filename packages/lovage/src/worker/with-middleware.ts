import { failure } from '../app/running/index.js'
import { compose, type Middleware, type Outcome, type RunContext } from '../app/tasks/index.js'
import type { Job } from './pools/job.js'

/** Runs a job. */
export type RunJob = (job: Job) => Outcome | Promise<Outcome>

/**
 * The job travels on its context, which a middleware has to pass on: looking it up in a separate map would cost as much as a
 * small task.
 */
const JOB = Symbol('job')
interface Carrier {
  [JOB]?: Job
}

/** Wraps runs in an app's middleware; one that throws fails its task, never its worker. */
export function withMiddleware(middleware: readonly Middleware[], run: RunJob): RunJob {
  const wrappers = middleware.flatMap((one) => (one.run ? [one.run.bind(one)] : []))
  if (wrappers.length === 0) return run
  const wrapped = compose<RunContext, Outcome>(wrappers, ({ context }) => {
    const carrier: Carrier & RunContext['context'] = context
    const job = carrier[JOB]
    if (job?.context !== context)
      return Promise.reject(new TypeError('a middleware passed on a different context than it was given'))
    const outcome = run(job)
    return outcome instanceof Promise ? outcome : Promise.resolve(outcome)
  })
  return (job) => {
    const failed = (error: unknown): Outcome => failure(job.task, error)
    try {
      const carrier: Carrier & RunContext['context'] = job.context
      carrier[JOB] = job
      return wrapped({ context: job.context }).catch(failed)
    } catch (error) {
      return failed(error)
    }
  }
}
