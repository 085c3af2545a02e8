/** A step's view of its worker. */
export interface StepWorker {
  /** `name@host`. */
  readonly hostname: string
  /** The queues that are consumed, in strict order. */
  readonly queues: readonly string[]
  /** Number of tasks that have ended here, whatever their outcome. */
  readonly processed: number
  /** Consumes other queues from now on; messages held from a dropped queue stay held. */
  setQueues(queues: readonly string[]): Promise<void>
  /** Changes how many tasks run at once. */
  resize(slots: number): Promise<void>
}

/**
 * A component of an app's own that starts and stops with each of its workers, in the worker's process: Celery's boot step.
 * `app.steps.push({ name: 'probe', start: (worker) => … })`.
 */
export interface WorkerStep {
  /** For log lines. */
  readonly name: string
  /** Called when the worker is connected and its queues are declared; it claims nothing before this has resolved. */
  start(worker: StepWorker): void | Promise<void>
  /** Called when the worker has settled or handed back its messages, and is still connected. Called in reverse order of the starts. */
  stop?(worker: StepWorker, how: 'warm' | 'soft' | 'cold'): void | Promise<void>
}
