import type { DeliveryState } from '../../domain/index.js'
import { type Command, numberOf, textOf, textsOf, timeOf, UsageError } from '../shared/command.js'

const COLUMNS = [
  'id',
  'state',
  'eventType',
  'endpointId',
  'attempts',
  'lastOutcome',
  'lastStatus',
  'nextAttemptAtMs',
]
const ATTEMPT_COLUMNS = ['startedAtMs', 'number', 'trigger', 'outcome', 'status', 'durationMs', 'error']
const STATES: readonly string[] = [
  'pending',
  'processing',
  'failed',
  'held',
  'success',
  'exhausted',
  'cancelled',
]

/** The states that an option names. @throws {UsageError} */
export function statesOf(texts: readonly string[] | undefined): readonly DeliveryState[] | undefined {
  return texts?.map((text) => {
    if (!STATES.includes(text)) throw new UsageError(`There is no state ${text}: ${STATES.join(', ')}.`)
    return text as DeliveryState
  })
}

/** `lovage-webhooks deliveries`. */
export const deliveries: Command = {
  name: 'deliveries',
  summary: 'lists deliveries, or the attempts of one',
  forms: ['', 'ID', 'cancel ID'],
  options: {
    endpoint: { type: 'string', value: 'ID', help: 'of this endpoint' },
    event: { type: 'string', value: 'ID', help: 'of this event' },
    state: { type: 'string', multiple: true, value: 'STATES', help: STATES.join(', ') },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'from this time (2026-01-31T10:00:00Z), or so long ago (2h)',
    },
    until: { type: 'string', value: 'TIME', help: 'before this time' },
    limit: { type: 'string', value: 'COUNT', help: 'at most so many (default: 50)' },
    after: { type: 'string', value: 'ID', help: 'go on after this one' },
  },
  examples: ['deliveries --state failed,exhausted --since 2h', 'deliveries dlv_…', 'deliveries cancel dlv_…'],
  async run({ hooks, words, given, tenant, out }) {
    if (words[0] === 'cancel') {
      const id = words[1] ?? ''
      await hooks.deliveries.cancel(id, { tenant })
      out.say(`${id} is cancelled.`)
      return
    }
    const nowMs = hooks.app.clock.now()
    const [limit, after] = [numberOf(given, 'limit', 1), textOf(given, 'after')]
    const paging = { ...(limit === undefined ? {} : { limit }), ...(after === undefined ? {} : { after }) }
    if (words[0] !== undefined) {
      const delivery = await hooks.deliveries.get(words[0], { tenant })
      const { items, next } = await hooks.deliveries.attempts({ deliveryId: delivery.id, tenant, ...paging })
      if (out.isJson) out.value({ ...delivery, attemptsMade: items }, '')
      else {
        out.rows([delivery], COLUMNS)
        out.value(null, '')
        out.rows(items, ATTEMPT_COLUMNS)
      }
      if (next !== null) out.say(`More: --after ${next}`)
      return
    }
    const [endpointId, eventId] = [textOf(given, 'endpoint'), textOf(given, 'event')]
    const [sinceMs, untilMs] = [timeOf(given, 'since', nowMs), timeOf(given, 'until', nowMs)]
    const states = statesOf(textsOf(given, 'state'))
    const { items, next } = await hooks.deliveries.list({
      tenant,
      ...paging,
      ...(endpointId === undefined ? {} : { endpointId }),
      ...(eventId === undefined ? {} : { eventId }),
      ...(states === undefined ? {} : { states }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(untilMs === undefined ? {} : { untilMs }),
    })
    out.rows(items, COLUMNS)
    if (next !== null) out.say(`More: --after ${next}`)
  },
}
