import type { Event } from 'lovage'

interface Voice {
  /** Tasks that it had ended when it was heard first. */
  readonly processedAtFirst: number
  processed: number
  tasksTold: number
}

/** Tasks that a worker ends in silence before it is said that it is silent. */
const SILENT_TASKS = 1
const MOST = 5_000

/** Which workers tell of their tasks: Celery's do only when they are asked to (`-E`), and a page of those that do not would be empty. */
export class WorkerVoices {
  readonly #voices = new Map<string, Voice>()

  /** Processes an event. */
  hear({ type, hostname, processed }: Event, isTask: boolean): void {
    const voice = this.#voices.get(hostname)
    if (isTask) {
      // A producer tells of what it sends under a name of its own.
      if (voice && type !== 'task-sent') voice.tasksTold++
      return
    }
    if (!type.startsWith('worker-') || typeof processed !== 'number') return
    if (type === 'worker-online' || !voice || processed < voice.processed) {
      if (!voice && this.#voices.size >= MOST) return
      this.#voices.set(hostname, {
        processedAtFirst: processed,
        processed,
        tasksTold: voice?.tasksTold ?? 0,
      })
    } else voice.processed = processed
  }

  /** Undefined until it has ended a task, or told of one. */
  tellsOfTasks(hostname: string): boolean | undefined {
    const voice = this.#voices.get(hostname)
    if (!voice) return undefined
    if (voice.tasksTold > 0) return true
    return voice.processed - voice.processedAtFirst >= SILENT_TASKS ? false : undefined
  }
}
