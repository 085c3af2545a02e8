import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  AmqpConnection,
  type AmqpDelivery,
  type AmqpOptions,
  parseAmqpUrls,
  refusalOf,
} from '../../packages/lovage/src/drivers/amqp/client/index.js'
import { silentLogger } from '../../packages/lovage/src/kernel/index.js'
import { freePort, type RabbitServer, runPython, startRabbit } from '../servers.js'

const WITHIN = { timeout: 20_000, interval: 20 }

let server: RabbitServer
const open: AmqpConnection[] = []

beforeAll(async () => {
  server = await startRabbit({ tls: true })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()))
})
afterAll(() => server?.stop())

function connection(urls = server.url(), options: AmqpOptions = {}): AmqpConnection {
  const made = new AmqpConnection(parseAmqpUrls(urls, options), 'test', silentLogger)
  open.push(made)
  return made
}

async function failure(work: Promise<unknown>): Promise<Error & { code: string; hint: string }> {
  return work.then(
    () => Promise.reject(new Error('it succeeded')),
    (error) => error,
  )
}

/** Everything that comes to a queue, acknowledged. */
async function collect(client: AmqpConnection, queue: string): Promise<AmqpDelivery[]> {
  const channel = await client.channel()
  await channel.declareQueue({ name: queue, durable: false, autoDelete: true })
  const heard: AmqpDelivery[] = []
  await channel.consume(queue, {
    onDelivery: (delivery) => {
      heard.push(delivery)
      channel.ack(delivery.tag)
    },
  })
  return heard
}

// What kombu says over the wire of Debian's py-amqp.
const python = (code: string): Promise<string> =>
  runPython(`
from kombu import Connection, Queue, Producer
connection = Connection('${server.url()}')
channel = connection.channel()
${code}
connection.close()
`)

describe('headers between JavaScript and Python', () => {
  const integers = [0, 1, 127, 128, 255, 256, 300, 32_767, 32_768, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31]
  const numbers = [...integers, ...integers.map((n) => -n - 1), 2 ** 40, Number.MAX_SAFE_INTEGER, 1.5, -0.25]

  it('carry every integer as it is to Python', async () => {
    const client = connection()
    const channel = await client.publishingChannel()
    await (await client.channel()).declareQueue({ name: 'to-python' })
    const headers = {
      timelimit: [300, 200],
      numbers,
      nested: { deep: [128, null, true, 'é', { n: -3 }] },
      big: 2n ** 60n,
    }
    const properties = { headers: { ...headers, nothing: undefined }, deliveryMode: 2 } as const
    expect(await channel.publish([{ exchange: '', routingKey: 'to-python', body: 'x', properties }])).toEqual(
      [],
    )
    const seen = JSON.parse(
      await python(`
message = channel.basic_get('to-python', no_ack=True)
print(json.dumps(message.headers))
`),
    )
    expect(seen).toEqual({ ...headers, big: Number(2n ** 60n) })
  })

  it('carry every integer as it is from Python', async () => {
    const heard = await collect(connection(), 'from-python')
    await python(`
Producer(channel).publish('{}', routing_key='from-python', content_type='application/json', content_encoding='utf-8',
    headers={'numbers': ${JSON.stringify(numbers)}, 'n': None, 't': True, 's': 'é', 'deep': {'big': 2 ** 40}}, correlation_id='c', priority=3)
`)
    await vi.waitFor(() => expect(heard.length).toBe(1), WITHIN)
    expect(heard[0]).toMatchObject({
      headers: { numbers, n: null, t: true, s: 'é', deep: { big: 2 ** 40 } },
      properties: { correlationId: 'c', priority: 3, contentType: 'application/json' },
    })
  })
})

describe('a connection that cannot be had says why in one line', () => {
  const address = (): string => `127.0.0.1:${server.port}`

  it.each([
    ['a wrong password', () => `amqp://guest:wrong@${address()}`, /^RabbitMQ refused the user or password/],
    [
      'a missing virtual host',
      () => `amqp://guest:guest@${address()}/none`,
      /^RabbitMQ has no such virtual host/,
    ],
    ['TLS where none is spoken', () => `amqps://${address()}`, /^The server does not speak TLS/],
    [
      'a certificate that nobody trusts',
      () => `amqps://127.0.0.1:${server.tlsPort}`,
      /^The server’s certificate is not trusted/,
    ],
    [
      'no TLS where it is asked for',
      () => `amqp://127.0.0.1:${server.tlsPort}?connection_timeout=3000`,
      /amqps:|RabbitMQ (cannot be reached|closed the connection)/,
    ],
  ])('%s', async (_, url, line) => {
    const error = await failure(connection(url()).channel())
    expect(error.message).toMatch(line)
    expect(error.message).not.toContain('\n')
    expect(error.message).not.toContain('wrong@')
    expect(error.code).toMatch(/^LVG_CONNECTION_(FAILED|REFUSED)$/)
  })

  it('nobody listening', async () => {
    const error = await failure(connection(`amqp://127.0.0.1:${await freePort()}`).channel())
    expect(error.message).toMatch(/^RabbitMQ cannot be reached/)
    expect(error.code).toBe('LVG_CONNECTION_FAILED')
  })

  it('a user without rights', async () => {
    await server.ctl('add_user', 'weak', 'weak')
    await server.ctl('set_permissions', 'weak', '^weak', '^weak', '^weak')
    const channel = await connection(`amqp://weak:weak@${address()}`).channel()
    const error = await failure(channel.declareQueue({ name: 'strong' }))
    expect(error.message).toMatch(/^RabbitMQ denied this user an operation/)
    expect(error.code).toBe('LVG_CONNECTION_REFUSED')
  })
})

describe('a connection', () => {
  it('speaks TLS with a server whose authority it knows', async () => {
    const ca = join(server.folder, 'ca.crt')
    const channel = await connection(`amqps://127.0.0.1:${server.tlsPort}?cacertfile=${ca}`).channel()
    await channel.declareQueue({ name: 'by-tls', durable: false, autoDelete: true })
  })

  it('goes to the next server of its list', async () => {
    const channel = await connection(`amqp://127.0.0.1:${await freePort()};${server.url()}`).channel()
    expect(channel.isOpen).toBe(true)
  })

  it('outlives what the server refuses on a channel', async () => {
    const client = connection()
    const channel = await client.channel()
    await channel.declareQueue({ name: 'plain' })
    const error = await failure(channel.declareQueue({ name: 'plain', arguments: { 'x-max-priority': 9 } }))
    expect(error.code).toBe('LVG_RABBITMQ_REFUSED')
    expect(refusalOf(error)).toBe(406)
    expect(channel.isOpen).toBe(false)
    expect(await (await client.channel()).inspectQueue('plain')).toEqual({ messages: 0, consumers: 0 })
  })

  it('says of each publication why it was not taken, and which one ended the channel', async () => {
    const client = connection()
    const taken = { exchange: '', routingKey: 'taken', body: 'x', properties: {}, mandatory: true }
    await (await client.channel()).declareQueue({ name: 'taken' })
    const channel = await client.publishingChannel()
    const none = { ...taken, routingKey: 'no-such-queue' }
    expect(await channel.publish([taken, none, { ...none, mandatory: false }, none, taken])).toEqual([
      { index: 1, why: 'unroutable' },
      { index: 3, why: 'unroutable' },
    ])
    const answers = await Promise.all([
      channel.publish([{ ...taken, exchange: 'no-such-exchange' }, taken]),
      channel.publish([taken]),
    ])
    expect(answers.map((answer) => answer.map(({ why }) => why))).toEqual([['refused', 'unsent'], ['unsent']])
    expect(refusalOf(answers[0]?.[0]?.error)).toBe(404)
    expect((await (await client.channel()).inspectQueue('taken')).messages).toBe(2)
  })

  it('carries bodies and headers of every size, and refuses what AMQP cannot, without loss of its neighbours', async () => {
    const client = connection()
    const heard = await collect(client, 'sizes')
    const channel = await client.publishingChannel()
    const sizes = [0, 1, 31, 33, 5_000, 16_384, 16_385, 131_064, 131_065, 400_000]
    const text = (size: number): string => 'é'.repeat(size >> 1) + 'x'.repeat(size & 1)
    const all = sizes.flatMap((size) => [
      { exchange: '', routingKey: 'sizes', body: text(size), properties: { headers: { size } } },
      {
        exchange: '',
        routingKey: 'sizes',
        body: Buffer.from(text(size)),
        properties: { headers: { note: text(size >> 2) } },
      },
    ])
    const tooLong = { exchange: '', routingKey: 'x'.repeat(256), body: '', properties: {} }
    const tooLarge = { ...tooLong, routingKey: 'sizes', properties: { headers: { h: 'x'.repeat(140_000) } } }
    const noNumber = { ...tooLong, routingKey: 'sizes', properties: { headers: { h: [Number.NaN] } } }
    await expect(channel.publish([noNumber])).rejects.toMatchObject({ code: 'LVG_MESSAGE_UNSERIALISABLE' })
    const [refused, untaken, alsoRefused] = await Promise.allSettled([
      channel.publish([...all.slice(0, 3), tooLong]),
      channel.publish(all),
      channel.publish([...all, tooLarge]),
    ])
    expect(untaken).toEqual({ status: 'fulfilled', value: [] })
    expect(refused).toMatchObject({ reason: { code: 'LVG_MESSAGE_UNSERIALISABLE' } })
    expect(alsoRefused).toMatchObject({ reason: { code: 'LVG_MESSAGE_TOO_LARGE' } })
    await vi.waitFor(() => expect(heard.length).toBe(all.length), WITHIN)
    for (const [index, { body, properties }] of all.entries()) {
      expect(heard[index]?.body.toString() === body.toString()).toBe(true)
      expect(heard[index]?.headers).toEqual(properties.headers)
    }
  })

  it('is made again after the server was killed', async () => {
    const client = connection()
    const channel = await client.channel()
    const closed = new Promise<Error>((resolve) => channel.onClosed(resolve))
    await server.restart()
    expect(await closed).toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
    expect((await client.channel()).isOpen).toBe(true)
  }, 120_000)

  it('refuses work after it was closed', async () => {
    const client = connection()
    const channel = await client.publishingChannel()
    await client.close()
    await expect(client.channel()).rejects.toMatchObject({ code: 'LVG_CONNECTION_CLOSED' })
    const late = { exchange: '', routingKey: 'q', body: 'x', properties: {} }
    await expect(channel.publish([late])).rejects.toMatchObject({
      code: 'LVG_CONNECTION_CLOSED',
    })
  })
})
