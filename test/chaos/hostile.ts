import type { Random } from './random.js'

/** Values of every type that has no business where a name or a number is due. */
const WRONG: readonly unknown[] = [
  null, true, 0, -1, 2 ** 60, 1e308, '', 'x'.repeat(2000), '\u0000', [], [[[]]], {}, { toString: 1 }, { __proto__: null },
] // biome-ignore format: one list

/** An envelope in which something has a type that it must not have, or bytes that are none; each is another. */
export function hostileMessage(random: Random, number: number): string {
  const tag = `hostile-${number}`
  if (random.next() < 0.2) return `${random.pick(['', 'no JSON', '{"body":', '[1,2', '\u0000\u0001'])} ${tag}`
  const wrong = (): unknown => random.pick(WRONG)
  const envelope: Record<string, unknown> = {
    body: 'W1sxXSx7fSx7fV0=',
    headers: { id: tag, task: 'chaos.work', lang: 'js', retries: 0, eta: null },
    'content-type': 'application/json',
    'content-encoding': 'utf-8',
    properties: {
      correlation_id: tag,
      delivery_mode: 2,
      delivery_tag: tag,
      body_encoding: 'base64',
      delivery_info: { exchange: '', routing_key: 'celery' },
    },
  }
  const fields = ['body', 'headers', 'content-type', 'content-encoding', 'properties'] as const
  const headers = [
    'id',
    'task',
    'retries',
    'eta',
    'expires',
    'timelimit',
    'group',
    'root_id',
    'stamps',
  ] as const
  const properties = ['body_encoding', 'delivery_info', 'priority', 'expiration', 'reply_to'] as const
  const where = random.next()
  if (where < 0.4) envelope[random.pick(fields)] = wrong()
  else if (where < 0.7)
    envelope.headers = { ...(envelope.headers as object), [random.pick(headers)]: wrong(), tag }
  else envelope.properties = { ...(envelope.properties as object), [random.pick(properties)]: wrong() }
  return JSON.stringify({ ...envelope, note: tag })
}
