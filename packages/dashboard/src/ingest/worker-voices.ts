import type { Event } from 'lovage'

interface Voice {
  /** Tasks it had finished when first seen. */
  readonly processedAtFirst: number
  processed: number
  tasksTold: number
}

/** Tasks a worker finishes without task events before it counts as silent. */
const SILENT_TASKS = 1
const MOST = 5_000

/** Tracks which workers send task events: Celery's do only when asked to (`-E`), and the page of a silent one would be empty. */
export class WorkerVoices {
  readonly #voices = new Map<string, Voice>()

  /** Processes an event. */
  hear({ type, hostname, processed }: Event, isTask: boolean): void {
    const voice = this.#voices.get(hostname)
    if (isTask) {
      // A producer sends its events under its own name.
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

  /** Undefined until it has finished a task, or sent a task event. */
  tellsOfTasks(hostname: string): boolean | undefined {
    const voice = this.#voices.get(hostname)
    if (!voice) return undefined
    if (voice.tasksTold > 0) return true
    return voice.processed - voice.processedAtFirst >= SILENT_TASKS ? false : undefined
  }
}
