import { MessageError } from '../kernel/index.js'
import { parseTime, type TaskHeaders } from '../message/index.js'

/** The decision about a delivery before anything runs. */
export type Admission =
  | { readonly kind: 'run' }
  | { readonly kind: 'postpone'; readonly untilMs: number }
  | { readonly kind: 'discard'; readonly why: 'expired' | 'revoked' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'quarantine'; readonly error: MessageError }

/** The inputs of admission other than the message. */
export interface AdmissionState {
  readonly nowMs: number
  readonly isRegistered: (task: string) => boolean
  readonly isRevoked: (headers: TaskHeaders) => boolean
}

/** Decides about a message whose headers are valid. Pure: all its inputs are parameters. */
export function admit(headers: TaskHeaders, state: AdmissionState): Admission {
  if (state.isRevoked(headers)) return { kind: 'discard', why: 'revoked' }
  // Expiry comes first: a message that waits for its ETA may expire meanwhile, even if its task is unknown.
  if (headers.expires !== null) {
    const expiresMs = parseTime(headers.expires)
    if (expiresMs === undefined) return malformedTime('expires', headers.expires)
    if (state.nowMs > expiresMs) return { kind: 'discard', why: 'expired' }
  }
  if (!state.isRegistered(headers.task)) return { kind: 'unknown' }
  if (headers.eta !== null) {
    const untilMs = parseTime(headers.eta)
    if (untilMs === undefined) return malformedTime('eta', headers.eta)
    if (untilMs > state.nowMs) return { kind: 'postpone', untilMs }
  }
  return { kind: 'run' }
}

function malformedTime(header: 'eta' | 'expires', value: string): Admission {
  const error = new MessageError(
    `Header ${header} is not an ISO 8601 time: ${JSON.stringify(value.slice(0, 100))}`,
    {
      code: 'LVG_MESSAGE_MALFORMED',
      details: { header },
    },
  )
  return { kind: 'quarantine', error }
}
