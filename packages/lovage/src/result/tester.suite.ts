import { newId } from '../kernel/index.js'
import { encodeJson } from '../message/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from './result-backend.js'

/** The suite's view of a driver. */
export interface ResultBackendUnderTest {
  readonly name: string
  readonly start: () => Promise<ResultServer>
  /** Tests that the driver cannot pass, by their exact titles. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
}

/** A running store; optional members enable the tests that need them. */
export interface ResultServer {
  /** Opens a separate backend, as another process would, with these app settings; the suite closes it. */
  open(settings?: Readonly<Record<string, unknown>>): Promise<ResultBackend>
  /** Stores a value under a task's id that is not a result. */
  spoil?(id: string): Promise<void>
  /** Stores a record without notifying watchers. */
  storeSilently?(record: ResultRecord): Promise<void>
  stop(): Promise<void>
}

/** The objects of a test. */
export interface ResultTester {
  readonly server: ResultServer
  readonly backend: ResultBackend
  /** A second backend, as in another process. */
  readonly other: ResultBackend
}

/** Registers a test; `means` names the server methods that it needs. */
export type Check = (
  title: string,
  body: (tester: ResultTester) => Promise<void>,
  means?: keyof ResultServer,
) => void

/** A finished result unless told otherwise. */
export function record(more: Partial<TaskResult> = {}): ResultRecord {
  const { state = 'SUCCESS', result = 1 } = more
  const isDone = ['SUCCESS', 'FAILURE', 'REVOKED'].includes(state)
  const dateDone = isDone ? new Date().toISOString() : null
  return {
    id: newId(),
    traceback: null,
    children: [],
    dateDone,
    ...more,
    state,
    result,
    resultJson: encodeJson(result),
  }
}
