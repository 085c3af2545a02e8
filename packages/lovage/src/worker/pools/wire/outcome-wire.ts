import { type Outcome, type RetryRequest, WorkerLostError } from '../../../app/tasks/index.js'
import { fromWire, toWire } from '../../../canvas/index.js'
import { decodeJson, type ExceptionInfo, encodeJson } from '../../../message/index.js'
import { errorFromWire, errorToWire, type WireError } from './error-wire.js'

/** An outcome between child and parent: values are JSON, errors are descriptions. */
export type WireOutcome =
  | { readonly kind: 'success'; readonly json: string }
  | {
      readonly kind: 'failure'
      readonly error: WireError
      readonly exception: ExceptionInfo
      readonly traceback: string
      readonly expected: boolean
    }
  | {
      readonly kind: 'retry'
      readonly dueMs: number
      readonly cause: WireError | null
      /** JSON of the request without its cause. */
      readonly request: string
      readonly exception: ExceptionInfo | null
      readonly traceback: string | null
    }
  | { readonly kind: 'lost'; readonly message: string }
  | { readonly kind: 'ignore' }
  /** JSON of the signature. */
  | { readonly kind: 'replace'; readonly signature: string }
  | {
      readonly kind: 'reject'
      readonly requeue: boolean
      readonly message: string
      readonly traceback: string
    }

export function outcomeToWire(outcome: Outcome): WireOutcome {
  switch (outcome.kind) {
    case 'success':
      return { kind: 'success', json: outcome.json }
    case 'failure':
      return { ...outcome, error: errorToWire(outcome.error) }
    case 'retry': {
      const { request, ...rest } = outcome
      const { cause, ...plain } = request
      return {
        ...rest,
        cause: cause === undefined ? null : errorToWire(cause),
        request: encodeJson(plain, 'retry'),
      }
    }
    case 'lost':
      return { kind: 'lost', message: outcome.error.message }
    case 'replace':
      return { kind: 'replace', signature: encodeJson(toWire(outcome.canvas), 'replacement') }
    case 'ignore':
    case 'reject':
      return outcome
  }
}

export function outcomeFromWire(wire: WireOutcome): Outcome {
  switch (wire.kind) {
    case 'success':
      return { kind: 'success', value: decodeJson(wire.json, { integers: 'bigint' }), json: wire.json }
    case 'failure':
      return { ...wire, error: errorFromWire(wire.error) }
    case 'retry': {
      const { cause, request, ...rest } = wire
      // A request was written.
      const plain = decodeJson(request, { integers: 'bigint' }) as RetryRequest
      return { ...rest, request: cause === null ? plain : { ...plain, cause: errorFromWire(cause) } }
    }
    case 'lost':
      return { kind: 'lost', error: new WorkerLostError(wire.message) }
    case 'replace':
      return { kind: 'replace', canvas: fromWire(decodeJson(wire.signature, { integers: 'bigint' })) }
    case 'ignore':
    case 'reject':
      return wire
  }
}
