import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { type Notice, type NoticeMessage, notifier, Reject, toEmail, toLog, toSlack, toWebhook } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterEach, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'

const patience = { timeoutMs: 30_000 }
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A service that takes JSON; it refuses so many first. */
async function startHttp(refusals = 0) {
  const bodies: unknown[] = []
  let left = refusals
  const server: Server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    request.on('end', () => {
      const isRefused = left-- > 0
      if (!isRefused) bodies.push(JSON.parse(text))
      response.writeHead(isRefused ? 500 : 200).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, bodies }
}

/** A mail server that takes everything. */
async function startSmtp() {
  const mails: string[] = []
  const server = createTcpServer((socket: Socket) => {
    let isData = false
    let mail = ''
    const say = (line: string): void => void socket.write(`${line}\r\n`)
    say('220 test')
    let rest = ''
    socket.setEncoding('utf8').on('data', (part: string) => {
      rest += part
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 2)
        if (isData && line === '.') {
          isData = false
          mails.push(mail)
          mail = ''
          say('250 taken')
        } else if (isData) mail += `${line}\n`
        else if (line === 'DATA') {
          isData = true
          say('354 go on')
        } else say(line === 'QUIT' ? '221 bye' : '250 fine')
      }
    })
    socket.on('error', () => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  return { url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, mails }
}

test('failures and rejects are told by log, webhook, Slack and mail, without arguments', async () => {
  const [hook, slack, smtp] = [await startHttp(1), await startHttp(), await startSmtp()]
  const logged: string[] = []
  const logger = {
    debug() {},
    info() {},
    warn: (_fields: object, text: string) => void logged.push(text),
    error: (_fields: object, text: string) => void logged.push(text),
    child: () => logger,
  }
  await using app = createTestApp('shop', { logger })
  app.steps.push(
    notifier(app, {
      to: [
        toLog(app.logger),
        toWebhook(hook.url),
        toSlack(slack.url),
        toEmail({ url: smtp.url, from: 'lovage@example.com', to: ['ops@example.com', 'dev@example.com'] }),
      ],
      about: ['failed', 'rejected'],
    }),
  )
  const pay = app.task({
    name: 'shop.pay',
    params: ['card'],
    redact: ['card'],
    run: (_ctx, card: string) => {
      throw new RangeError(`<no> money on ${card}`)
    },
  })
  const refuse = app.task({
    name: 'shop.refuse',
    run: () => {
      throw new Reject('not today')
    },
  })
  const worker = await startTestWorker(app)
  await pay.delay('4111-1111')
  await refuse.delay()
  await until(
    () => hook.bodies.length === 2 && slack.bodies.length === 2 && smtp.mails.length === 2,
    patience,
  )
  await worker.stop()

  const title = 'shop.pay failed: RangeError: <no> money on ********'
  const told = (hook.bodies as NoticeMessage[]).map(({ subject }) => subject).toSorted()
  expect(told).toEqual([`[shop] ${title}`, '[shop] shop.refuse was rejected'])
  const [first] = (hook.bodies as NoticeMessage[]).filter(({ subject }) => subject.includes('pay'))
  expect(first).toMatchObject({ app: 'shop', severity: 'warning', isDigest: false, count: 1 })
  expect(first?.notices[0]?.detail).toContain('notifier.test.ts')
  expect(
    (slack.bodies as { text: string }[]).some(({ text }) =>
      text.startsWith(':warning: *[shop] shop.pay failed: RangeError: &lt;no&gt;'),
    ),
  ).toBe(true)
  const mail = smtp.mails.find((one) => one.includes('shop.pay')) ?? ''
  expect(mail).toMatch(/^To: ops@example.com, dev@example.com$/m)
  expect(mail).toContain('Subject: [shop] shop.pay failed')
  expect(logged).toContain(`[shop] ${title}`)
  expect(JSON.stringify([hook.bodies, slack.bodies, smtp.mails, logged])).not.toContain('4111')
})

test('what comes too fast for the fleet is told together', async () => {
  const messages: NoticeMessage[] = []
  const channel = {
    name: 'list',
    send: async (message: NoticeMessage) => void messages.push(message),
  }
  const options = { to: [channel], about: ['failed' as const], limit: { notices: 2, seconds: 600 } }
  await using app = createTestApp('flood')
  await using other = createTestApp('flood', { broker: coreOf(app).brokerUrl })
  let failed = 0
  for (const one of [app, other]) {
    one.steps.push(notifier(one, options))
    one.signals.on('taskFailure', () => void failed++)
    one.task({
      name: 'fail',
      run: (_ctx, why: string) => {
        throw new TypeError(why)
      },
    })
  }
  const workers = [
    await startTestWorker(app, { concurrency: 1 }),
    await startTestWorker(other, { concurrency: 1 }),
  ]
  for (let at = 0; at < 20; at++) await app.sendTask('fail', { args: [at % 2 ? 'odd' : 'even'] })
  await until(() => failed === 20, patience)
  await Promise.all(workers.map((worker) => worker.stop()))
  const alone = messages.filter(({ isDigest }) => !isDigest)
  const digests = messages.filter(({ isDigest }) => isDigest)
  expect(alone).toHaveLength(2)
  expect(digests.length).toBeLessThanOrEqual(2)
  expect(digests.reduce((sum, { count }) => sum + count, 0)).toBe(18)
  expect(digests[0]?.text).toMatch(/^\d+ × fail failed: TypeError: (?:odd|even)/)
  expect(digests[0]?.subject).toBe(`[flood] ${digests[0]?.count} more notices`)
})

test('circuit breakers and changes of health are told once for the fleet', async () => {
  const notices: Notice[] = []
  const channel = {
    name: 'list',
    send: async (message: NoticeMessage) => void notices.push(...message.notices),
  }
  await using app = createTestApp('fleet')
  await using other = createTestApp('fleet', { broker: coreOf(app).brokerUrl })
  let isDown = true
  let opened = 0
  for (const one of [app, other]) {
    one.signals.on('circuitBreakerChanged', ({ state }) => {
      if (state === 'open') opened++
    })
    one.steps.push(
      notifier(one, {
        to: [channel],
        about: ['breaker', 'health'],
        healthEvery: 0.2,
        health: { timeout: 0.1 },
        filter: ({ title }) => !title.includes('unknown'),
      }),
    )
    one.task({
      name: 'call',
      circuitBreaker: { minimum: 3, openFor: 0.5 },
      run: () => {
        if (isDown) throw new Error('down')
      },
    })
  }
  const workers = [await startTestWorker(app), await startTestWorker(other)]
  const titles = (): readonly string[] => notices.map(({ title }) => title)
  await until(async () => {
    await app.sendTask('call')
    return (
      titles().includes('the circuit breaker call is open') &&
      titles().includes('the queues celery are degraded')
    )
  }, patience)
  await until(() => opened >= 2, patience)
  expect(titles().filter((title) => title === 'the circuit breaker call is open')).toHaveLength(1)
  isDown = false
  await until(async () => {
    await app.sendTask('call')
    return (
      titles().includes('the circuit breaker call is closed') &&
      titles().includes('the queues celery are healthy')
    )
  }, patience)
  await Promise.all(workers.map((worker) => worker.stop()))
})
