import { readFileSync } from 'node:fs'
import { type Command, invalid, textOf, UsageError, wordOf } from '../shared/command.js'

/** `lovage-webhooks send`. */
export const send: Command = {
  name: 'send',
  summary: 'sends an event',
  forms: ['TYPE DATA', 'TYPE @FILE', 'TYPE -'],
  options: {
    id: {
      type: 'string',
      value: 'ID',
      help: 'the event’s id: the same id and body again sends nothing twice',
    },
    'ordering-key': {
      type: 'string',
      value: 'KEY',
      help: 'deliveries with one key go one at a time, where the endpoint wants it',
    },
    'dedup-key': { type: 'string', value: 'KEY', help: 'a second event with this key is a duplicate' },
    endpoint: { type: 'string', value: 'ID', help: 'only to this endpoint' },
  },
  examples: [
    `send order.paid '{"id": "o_1"}'`,
    'send order.paid @event.json --id order-1',
    'send order.paid - < event.json',
  ],
  async run({ hooks, words, given, tenant, out }) {
    const type = wordOf(words, 0, 'The type of the event')
    const data: unknown = dataOf(wordOf(words, 1, 'The data of the event, as JSON'))
    const [id, orderingKey, dedupKey, endpointId] = ['id', 'ordering-key', 'dedup-key', 'endpoint'].map(
      (name) => textOf(given, name),
    )
    if (endpointId !== undefined) await hooks.endpoints.get(endpointId, { tenant })
    const sent = await hooks.send(
      { type, data },
      {
        tenant,
        ...(id === undefined ? {} : { id }),
        ...(orderingKey === undefined ? {} : { orderingKey }),
        ...(dedupKey === undefined ? {} : { dedupKey }),
        ...(endpointId === undefined ? {} : { endpointId }),
      },
    )
    out.value(sent, [sent.event.id, ...sent.deliveryIds].join('\n'))
    if (sent.isDuplicate) out.say('The event existed already: nothing was added.')
    else if (sent.deliveryIds.length === 0) out.say('No endpoint receives this type.')
    return undefined
  },
}

function dataOf(text: string): unknown {
  const json = text === '-' ? readFileSync(0, 'utf8') : text.startsWith('@') ? fileText(text.slice(1)) : text
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw invalid('data', `The data is not JSON: ${cause instanceof Error ? cause.message : cause}`)
  }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`The file ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`)
  }
}
