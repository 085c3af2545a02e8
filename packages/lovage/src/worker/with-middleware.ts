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
  const enter = entering(middleware)
  return (job) => {
    const failed = (error: unknown): Outcome => failure(job.task, error)
    try {
      const entered = enter?.(job.context, () => run(job))
      if (entered !== undefined) return entered
      const carrier: Carrier & RunContext['context'] = job.context
      carrier[JOB] = job
      return wrapped({ context: job.context }).catch(failed)
    } catch (error) {
      return failed(error)
    }
  }
}

type Enter = (
  context: RunContext['context'],
  work: () => ReturnType<RunJob>,
) => ReturnType<RunJob> | undefined

/** Enters the scope of each middleware, the first one outermost, if all of them can; else undefined is returned before `work` is called. */
function entering(middleware: readonly Middleware[]): Enter | undefined {
  const wrapping = middleware.filter(({ run }) => run)
  if (wrapping.some(({ enter }) => !enter)) return undefined
  return wrapping.reduceRight<Enter>(
    (inner, one) => (context, work) => one.enter?.({ context }, () => inner(context, work)),
    (_context, work) => work(),
  )
}
