import type { AuditEntry } from '../history/audit-entry.js'

export type { JobLine } from '../history/job-line.js'

/** An entry of the schedule. */
export interface ScheduleLine {
  readonly name: string
  readonly task: string
  /** In words. */
  readonly schedule: string
  readonly timezone: string
  readonly enabled: boolean
  readonly source: 'code' | 'operator'
  /** Fields in which an operator's value overrides the code's. */
  readonly changed: readonly string[]
  readonly trouble: string | null
  /** Unix ms. */
  readonly nextMs: number | null
  readonly lastRunMs: number | null
  readonly lastTaskId: string | null
  /** The state of the last run, if it is in the history. */
  readonly lastState: string | null
  readonly owedSinceMs: number | null
  readonly runs: number
  readonly args: string
  readonly kwargs: string
  readonly queue: string | null
}

/** The schedules page. */
export interface SchedulesPage {
  /** The location of the schedule; null when there is none to read. */
  readonly location: string | null
  /** The reason it cannot be read. */
  readonly trouble: string | null
  readonly items: readonly ScheduleLine[]
}

/** A dead letter in a list. */
export interface LetterLine {
  readonly id: string
  readonly taskId: string | null
  readonly task: string | null
  readonly queue: string
  readonly reason: string
  readonly errorType: string
  readonly errorMessage: string
  readonly retries: number
  readonly worker: string
  readonly failedMs: number
}

/** The request for the dead letters page. */
export interface LettersRequest {
  readonly queue?: string
  readonly task?: string
  readonly reason?: string
  readonly failedBeforeMs?: number
  readonly after?: string
  readonly limit: number
}

/** The page of dead letters, newest first. */
export interface LettersPage {
  readonly request: LettersRequest
  readonly items: readonly LetterLine[]
  readonly next: string | null
  /** Groups of letters with the same task, reason and error type, among those examined (at most `groupsOf`), most frequent first. */
  readonly groups: readonly {
    readonly task: string | null
    readonly reason: string
    readonly errorType: string
    readonly count: number
    readonly newestMs: number
  }[]
  readonly groupsOf: number
  readonly byQueue: readonly { readonly queue: string; readonly count: number }[]
}

/** The page of a dead letter. */
export interface LetterPage {
  readonly line: LetterLine
  readonly traceback: string | null
  /** Every known failed attempt, oldest first. */
  readonly attempts: readonly {
    readonly atMs: number | null
    readonly type: string
    readonly message: string
    readonly traceback: string | null
  }[]
  readonly redrives: number
  /** Lossless JSON, secrets hidden; null when it cannot be read. */
  readonly args: string | null
  readonly kwargs: string | null
  readonly unreadable: string | null
}

/** The limits page. */
export interface LimitsPage {
  readonly paused: readonly string[]
  /** Rates that operators set, by task; null where they cannot be read. */
  readonly rates: readonly { readonly task: string; readonly rate: string }[] | null
  readonly breakers:
    | readonly {
        readonly key: string
        readonly task: string
        readonly state: 'open' | 'half-open'
        readonly untilMs: number
      }[]
    | null
  /** The limits declared by this app's tasks. */
  readonly tasks: readonly {
    readonly name: string
    readonly rateLimit: string | null
    readonly concurrency: string | null
    readonly timeLimit: number | null
    readonly softTimeLimit: number | null
  }[]
}

/** The broker page. */
export interface BrokerPage {
  readonly kind: string | null
  /** Without the password. */
  readonly location: string | null
  readonly capabilities: Readonly<Record<string, unknown>> | null
  /** Advice for its operator, in sentences. */
  readonly advice: readonly string[]
  readonly results: { readonly kind: string; readonly location: string } | null
  readonly history: { readonly location: string; readonly tasks: number; readonly oldestMs: number | null }
  readonly events: {
    readonly received: number
    readonly unreadable: number
    readonly dropped: number
    readonly perSecond: number
  }
}

/** The audit log page, newest first. */
export interface AuditPage {
  readonly items: readonly AuditEntry[]
  readonly next: number | null
}
