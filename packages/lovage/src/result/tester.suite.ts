import { newId } from '../kernel/index.js'
import { encodeJson } from '../message/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from './result-backend.js'

/** A driver as the suite sees it. */
export interface ResultBackendUnderTest {
  readonly name: string
  readonly start: () => Promise<ResultServer>
  /** Tests that the driver cannot pass, by their exact titles. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
}

/** A running store; what is optional makes tests possible that need it. */
export interface ResultServer {
  /** A backend of its own, as another process would have it, with these of an app's settings; the suite closes it. */
  open(settings?: Readonly<Record<string, unknown>>): Promise<ResultBackend>
  /** Puts something under a task's id that is no result. */
  spoil?(id: string): Promise<void>
  /** Stores a record behind everybody's back: nobody who watches is told. */
  storeSilently?(record: ResultRecord): Promise<void>
  stop(): Promise<void>
}

/** What a test works with. */
export interface ResultTester {
  readonly server: ResultServer
  readonly backend: ResultBackend
  /** As another process would have it. */
  readonly other: ResultBackend
}

/** Registers a test; `means` names what it needs of the server. */
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
