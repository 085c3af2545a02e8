import type { PublishTransaction, Queue } from '../../broker/index.js'
import type { GuardOptions } from './guard-options.js'

/** An error class, as named in `autoretryFor`. Abstract ones count too. */
export type ErrorClass = abstract new (...args: never[]) => unknown

/** A limit on concurrent runs: of the task, or for each key that `key` derives from a call, such as a tenant's id. */
export type ConcurrencyLimit =
  | number
  | {
      readonly limit: number
      readonly key: (call: {
        readonly args: readonly unknown[]
        readonly kwargs: Readonly<Record<string, unknown>>
      }) => string
    }

/**
 * Options that every task accepts; Celery's names, units (seconds) and defaults. `Args` is what key functions get: the task's
 * arguments after the context.
 */
export interface TaskOptions<Args extends readonly unknown[] = never[]> extends GuardOptions<Args> {
  /** How often a failed run is tried again; null = for ever. Default 3. */
  readonly maxRetries?: number | null
  /** Seconds between tries when nothing else says. Default 180. */
  readonly defaultRetryDelay?: number
  /** Errors that are retried automatically. */
  readonly autoretryFor?: readonly ErrorClass[]
  /** Errors that are never retried, even if `autoretryFor` names one of their superclasses. */
  readonly dontAutoretryFor?: readonly ErrorClass[]
  /** true = 1, 2, 4 … seconds between tries; a number multiplies them. Default false. */
  readonly retryBackoff?: boolean | number
  /** Longest backoff in seconds. Default 600. */
  readonly retryBackoffMax?: number
  /** true or 'full' = a random time up to the backoff; 'equal' = at least half of it; a number n = ±n of it. Default true. */
  readonly retryJitter?: boolean | 'full' | 'equal' | number
  /** Options for automatic retries: `countdown`, `maxRetries`. */
  readonly retryOptions?: { readonly countdown?: number; readonly maxRetries?: number | null }
  /** Expected errors: logged as info, without a traceback. */
  readonly throws?: readonly ErrorClass[]
  readonly queue?: string
  readonly exchange?: string
  readonly routingKey?: string
  /** 0–9, higher first. */
  readonly priority?: number
  /** Seconds after which a call of this task is no longer worth running. */
  readonly expires?: number
  readonly serializer?: 'json' | 'msgpack' | 'yaml' | 'auth' | 'encrypted'
  readonly compression?: string
  /** Hard limit in seconds. */
  readonly timeLimit?: number
  /** Soft limit in seconds. */
  readonly softTimeLimit?: number
  /** Runs per unit of time, evenly spaced: `10/s`, `10/m`, `10/h`, or a number per second; 0 or null = no limit. */
  readonly rateLimit?: string | number | null
  /** Whether the rate applies to the whole cluster, or to each worker separately as in Celery. Default 'cluster'. */
  readonly rateLimitScope?: 'cluster' | 'worker'
  /** Maximum concurrent runs in the cluster, of the task or for each key. Default: no limit. */
  readonly concurrencyLimit?: ConcurrencyLimit
  readonly ignoreResult?: boolean
  readonly storeErrorsEvenIfIgnored?: boolean
  readonly trackStarted?: boolean
  /**
   * Whether `result.abort()` aborts the signal of a run, as soon as it is requested. Such a task does not show STARTED. Default false:
   * a run may still ask with `ctx.isAborted()`.
   */
  readonly abortable?: boolean
  readonly acksLate?: boolean
  /** The default of the two below. Default true. */
  readonly acksOnFailureOrTimeout?: boolean
  /** Whether the message of a task that failed is acknowledged; otherwise it becomes a dead letter. */
  readonly acksOnFailure?: boolean
  /** Whether the message of a task that took too long is acknowledged; otherwise it is run again, at most three times, then a dead letter. */
  readonly acksOnTimeout?: boolean
  readonly rejectOnWorkerLost?: boolean
  /**
   * Arguments to hide in logs, events, listings and errors, by the names of `params` or of fields; `true` = all of
   * them, and the result. Names of secrets (`password`, `token`, `api_key` …) are always hidden.
   */
  readonly redact?: boolean | readonly string[]
  /** Longest text of a result in logs and events. Default 1024. */
  readonly resultReprMaxSize?: number
  /**
   * Which endings produce a dead letter: only rejects; also failures of runs that had been retried; all failures; or none. Errors
   * listed in `throws` do not count as failures. Default 'exhausted'.
   */
  readonly deadLetter?: 'rejects' | 'exhausted' | 'failures' | 'never'
  /**
   * How it is called as an errback. `message`: sent like any task, with the id of the task that failed. `inline`:
   * called in the worker in which that task failed, with `(request, error, traceback)`. An immutable errback gets its own arguments
   * either way. Default 'message'.
   */
  readonly errback?: 'message' | 'inline'
}

/** A task, as an annotation function sees it. */
export interface AnnotatedTask {
  readonly name: string
  /** The options set in code. */
  readonly own: TaskOptions
}

/** Options by task name, glob or `*`, as an operator sets them; or functions that inspect the task. */
export type TaskAnnotations =
  | Readonly<Record<string, TaskOptions>>
  | readonly ((task: AnnotatedTask) => TaskOptions | undefined)[]

/** Options of one call; Celery's names and units (seconds). Anything absent comes from task, route and settings. */
export interface CallOptions {
  /** Seconds from now at which the task may run. */
  readonly countdown?: number
  /** When the task may run. */
  readonly eta?: Date
  /** When the call is no longer worth running: a time, or seconds from now. */
  readonly expires?: Date | number
  /** By default a new UUID of version 7, which begins with the time of the call. */
  readonly taskId?: string
  /** By name, or as an object: `workerDirect('celery@box')`. */
  readonly queue?: string | Queue
  readonly exchange?: string
  readonly routingKey?: string
  /** 0–9, higher first. */
  readonly priority?: number
  readonly serializer?: 'json' | 'msgpack' | 'yaml' | 'auth' | 'encrypted'
  readonly compression?: string
  readonly timeLimit?: number
  readonly softTimeLimit?: number
  /** Custom headers; the task finds them in `ctx.headers`. */
  readonly headers?: Readonly<Record<string, unknown>>
  /** A name for logs and events instead of the task's. */
  readonly shadow?: string
  /** Shown in logs, events and listings in place of the positional arguments. */
  readonly argsrepr?: string
  /** Shown in logs, events and listings in place of the named arguments. */
  readonly kwargsrepr?: string
  readonly ignoreResult?: boolean
  /** Whether publishing is tried again after a connection error. Default `taskPublishRetry`. */
  readonly retry?: boolean
  /** `maxRetries`, `intervalStart`, `intervalStep`, `intervalMax` in seconds. Default `taskPublishRetryPolicy`. */
  readonly retryPolicy?: PublishRetryPolicy
  readonly deliveryMode?: 1 | 2
  readonly replyTo?: string
  readonly rootId?: string
  readonly parentId?: string
  readonly groupId?: string
  readonly groupIndex?: number
  /** The number of retries to count as already made. */
  readonly retries?: number
  /**
   * Deduplication key: the broker drops a second call with the same key within `ttlMs`, in the same step that
   * would accept it. Brokers without that ability (`capabilities.once`) accept both.
   */
  readonly once?: { readonly key: string; readonly ttlMs: number }
  /** 'store' keeps a call with an ETA in the broker's delay store from the start, if it has one. */
  readonly delay?: 'wire' | 'store'
  /**
   * A transaction of yours on the broker's own PostgreSQL database, or on that of `outboxUrl`, as the object that runs its statements:
   * a `pg` client after `BEGIN`, or anything with its `query(text, values)`. The task exists once you commit; roll back and it never existed.
   */
  readonly transaction?: PublishTransaction
}

/** How publishing is retried, in seconds. */
export interface PublishRetryPolicy {
  readonly maxRetries?: number
  readonly intervalStart?: number
  readonly intervalStep?: number
  readonly intervalMax?: number
}
