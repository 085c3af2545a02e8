/** A run of an entry, ready to be sent. */
export interface DueTask {
  /** The entry's name: Celery's `periodic_task_name`. */
  readonly entry: string
  /** Registered name of the task. */
  readonly task: string
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Call options, as `applyAsync` takes them. */
  readonly options: Readonly<Record<string, unknown>>
  /** A broker with `capabilities.once` treats a second message with this key within the time as the first. */
  readonly once?: { readonly key: string; readonly ttlMs: number }
}

/** Beat's view of an app. */
export interface BeatSender {
  /** Resolves when the broker has all of them; a rejection does not say which ones it has. */
  send(tasks: readonly DueTask[]): Promise<void>
  /** Which of these tasks wait or run: a missing result alone does not show that. Called only for entries with `overlap: 'skip'`. */
  unfinished(ids: readonly string[]): Promise<ReadonlySet<string>>
}
