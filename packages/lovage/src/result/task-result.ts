/** Celery's states; tasks may define more (`PROGRESS`). */
export type TaskState =
  | 'PENDING'
  | 'RECEIVED'
  | 'STARTED'
  | 'SUCCESS'
  | 'FAILURE'
  | 'REVOKED'
  | 'RETRY'
  | (string & Record<never, never>)

/** States after which a result no longer changes. */
export const READY_STATES: ReadonlySet<TaskState> = new Set(['SUCCESS', 'FAILURE', 'REVOKED'])

/** Celery's nested pairs that name a result and its parents and children (docs/internals/wire.md#result-tuples). */
export type ResultTuple = readonly [
  readonly [id: string, parent: ResultTuple | null],
  readonly ResultTuple[] | null,
]
