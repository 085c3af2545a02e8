/** What a step sees of the worker that it belongs to. */
export interface StepWorker {
  /** `name@host`. */
  readonly hostname: string
  /** The queues that are consumed, in strict order. */
  readonly queues: readonly string[]
  /** Tasks that have ended here, whatever their end. */
  readonly processed: number
  /** Consumes other queues from now on; what is held of a queue that is left stays held. */
  setQueues(queues: readonly string[]): Promise<void>
  /** Changes how many tasks run at once. */
  resize(slots: number): Promise<void>
}

/**
 * A part of an app's own that starts and stops with each of its workers, in the worker's process: Celery's boot step.
 * `app.steps.push({ name: 'probe', start: (worker) => … })`.
 */
export interface WorkerStep {
  /** For log lines. */
  readonly name: string
  /** The worker is connected and its queues are declared; it claims nothing before this has resolved. */
  start(worker: StepWorker): void | Promise<void>
  /** The worker has settled or handed back what it held, and is still connected. Called in reverse order of the starts. */
  stop?(worker: StepWorker, how: 'warm' | 'soft' | 'cold'): void | Promise<void>
}
