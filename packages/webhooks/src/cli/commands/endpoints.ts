import type { EndpointChanges, SigningScheme } from '../../domain/index.js'
import {
  type Command,
  durationOf,
  type Given,
  numberOf,
  type Run,
  textOf,
  textsOf,
  UsageError,
  wordOf,
} from '../shared/command.js'

const COLUMNS = ['id', 'url', 'isEnabled', 'disabledReason', 'eventTypes', 'createdAtMs']

/** `lovage-webhooks endpoints`. */
export const endpoints: Command = {
  name: 'endpoints',
  summary: 'lists, makes, changes and deletes endpoints; rotates their secrets',
  forms: [
    '[list]',
    'create URL',
    'show ID',
    'update ID',
    'enable ID',
    'disable ID',
    'delete ID',
    'rotate ID',
    'test ID',
  ],
  options: {
    url: { type: 'string', value: 'URL', help: 'update: another address' },
    types: { type: 'string', multiple: true, value: 'TYPES', help: 'event types: order.paid,order.*' },
    description: { type: 'string', value: 'TEXT', help: 'a note' },
    header: {
      type: 'string',
      multiple: true,
      value: 'NAME:VALUE',
      help: 'a header to send; may be repeated',
    },
    timeout: { type: 'string', value: 'TIME', help: 'of one attempt: 30s' },
    rate: { type: 'string', value: 'COUNT', help: 'attempts a minute; 0 = no limit' },
    concurrency: { type: 'string', value: 'COUNT', help: 'attempts at once; 0 = no limit' },
    order: { type: 'string', value: 'ORDER', help: 'none, or key: one at a time of each ordering key' },
    payload: { type: 'string', value: 'MODE', help: 'full or thin' },
    signing: {
      type: 'string',
      multiple: true,
      value: 'SCHEMES',
      help: 'create: v1,v1a; rotate: one of them',
    },
    secret: {
      type: 'string',
      multiple: true,
      value: 'TEXT',
      help: 'create: a secret that the receiver has already (whsec_…); may be repeated',
    },
    overlap: {
      type: 'string',
      value: 'TIME',
      help: 'rotate: the old secret signs on for so long (default: 1d)',
    },
    limit: { type: 'string', value: 'COUNT', help: 'list: at most so many (default: 50)' },
    after: { type: 'string', value: 'ID', help: 'list: go on after this one' },
  },
  examples: [
    'endpoints create https://example.com/hooks --types "order.*"',
    'endpoints rotate ep_… --overlap 2d',
    'endpoints --json',
  ],
  async run({ hooks, words, given, tenant, out }) {
    const [form = 'list'] = words
    const of = { tenant }
    const id = () => wordOf(words, 1, 'The id of an endpoint')
    switch (form) {
      case 'list': {
        const { items, next } = await hooks.endpoints.list({ ...of, ...paging(given) })
        out.rows(items, COLUMNS)
        if (next !== null) out.say(`More: --after ${next}`)
        return
      }
      case 'create': {
        const [signing, secretTexts] = [schemes(given), textsOf(given, 'secret')]
        const { endpoint, secrets } = await hooks.endpoints.create({
          ...changes(given),
          url: wordOf(words, 1, 'A URL'),
          ...of,
          ...(signing ? { signing } : {}),
          ...(secretTexts ? { secrets: secretTexts } : {}),
        })
        out.value(
          { endpoint, secrets },
          [endpoint.id, ...secrets.map(({ secret, publicKey }) => secret ?? publicKey)].join('\n'),
        )
        out.say('A secret is shown only now: the receiver keeps it.')
        return
      }
      case 'show':
        return show({ hooks, given, tenant, out, words }, id())
      case 'update':
        await hooks.endpoints.update(id(), changes(given), of)
        return show({ hooks, given, tenant, out, words }, id())
      case 'enable':
      case 'disable':
        await hooks.endpoints[form](id(), of)
        return show({ hooks, given, tenant, out, words }, id())
      case 'delete':
        await hooks.endpoints.delete(id(), of)
        out.say(`${id()} is deleted; its waiting deliveries are cancelled.`)
        return
      case 'rotate': {
        const overlapMs = durationOf(given, 'overlap')
        const [scheme = 'v1'] = schemes(given) ?? []
        const made = await hooks.endpoints.rotateSecret(id(), {
          ...of,
          scheme,
          ...(overlapMs === undefined ? {} : { overlapMs }),
        })
        out.value(made, String(made.secret ?? made.publicKey))
        out.say('The secret is shown only now; the old one signs beside it meanwhile.')
        return
      }
      case 'test': {
        const sent = await hooks.endpoints.test(id(), of)
        out.value(sent, sent.deliveryIds.join('\n'))
        return
      }
      default:
        throw new UsageError(`endpoints ${form} is unknown: ${endpoints.forms.join(', ')}.`)
    }
  },
}

async function show({ hooks, tenant, out }: Run, id: string): Promise<undefined> {
  const endpoint = await hooks.endpoints.get(id, { tenant })
  const secrets = await hooks.endpoints.secrets(id, { tenant })
  out.value({ ...endpoint, secrets }, JSON.stringify({ ...endpoint, secrets }, null, 2))
}

function paging(given: Given) {
  const [limit, after] = [numberOf(given, 'limit', 1), textOf(given, 'after')]
  return { ...(limit === undefined ? {} : { limit }), ...(after === undefined ? {} : { after }) }
}

/** The fields that were given; the library checks their values. */
function changes(given: Given): EndpointChanges {
  const headers = textHeaders(given)
  const [rate, concurrency] = [numberOf(given, 'rate'), numberOf(given, 'concurrency')]
  const fields = {
    url: textOf(given, 'url'),
    eventTypes: textsOf(given, 'types'),
    description: textOf(given, 'description'),
    headers,
    timeoutMs: durationOf(given, 'timeout'),
    ratePerMinute: rate === 0 ? null : rate,
    concurrency: concurrency === 0 ? null : concurrency,
    order: textOf(given, 'order'),
    payload: textOf(given, 'payload'),
  }
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as EndpointChanges
}

function textHeaders(given: Given): Readonly<Record<string, string>> | undefined {
  if (given.header === undefined) return undefined
  return Object.fromEntries(
    [given.header].flat().map((text) => {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(String(text)) ?? []
      if (name === undefined || value === undefined)
        throw new UsageError(`--header wants NAME:VALUE, not ${JSON.stringify(text)}.`)
      return [name, value]
    }),
  )
}

function schemes(given: Given): readonly SigningScheme[] | undefined {
  return textsOf(given, 'signing')?.map((text) => {
    if (text === 'v1' || text === 'v1a') return text
    throw new UsageError(`--signing wants v1 or v1a, not ${JSON.stringify(text)}.`)
  })
}
