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
  /** A broker that can (`capabilities.once`) takes a second message of this key within the time for the first. */
  readonly once?: { readonly key: string; readonly ttlMs: number }
}

/** What beat needs of an app. */
export interface BeatSender {
  /** Resolves when the broker has all of them; a rejection says nothing about which it has. */
  send(tasks: readonly DueTask[]): Promise<void>
  /** Those of these tasks that wait or run: no result alone is no sign of that. Asked only for entries with `overlap: 'skip'`. */
  unfinished(ids: readonly string[]): Promise<ReadonlySet<string>>
}
