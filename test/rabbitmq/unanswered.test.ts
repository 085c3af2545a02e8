import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { driverOptions, taskMessage } from '../redis/fleet.js'
import { type RabbitServer, startRabbit } from '../servers.js'
import { startLine } from './line.js'

const WITHIN = { timeout: 20_000, interval: 20 }
const CONFIRM_S = 2
const SETTINGS = { brokerTransportOptions: { confirmTimeout: CONFIRM_S } }

let server: RabbitServer
const open: Broker[] = []

beforeAll(async () => {
  server = await startRabbit()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((broker) => broker.close()))
})
afterAll(() => server?.stop())

async function brokerOn(port: number): Promise<Broker> {
  const broker = await openBroker(`amqp://guest:guest@127.0.0.1:${port}/`, driverOptions(SETTINGS))
  open.push(broker)
  return broker
}

/** A method's class and number; 0 for frames that are not methods. */
const methodOf = (frame: Buffer): number => (frame[0] === 1 ? frame.readUInt32BE(7) : 0)
const method = (classId: number, methodId: number): number => classId * 65_536 + methodId
const OPEN_OK = method(10, 41)
const SELECT_OK = method(85, 11)
const ACK = method(60, 80)

/** What RabbitMQ says when an operator closes a connection, or it is stopped. */
function connectionClose(): Buffer {
  const text = Buffer.from('CONNECTION_FORCED - bye')
  const payload = Buffer.concat([
    Buffer.from([0, 10, 0, 50, 320 >> 8, 320 & 255, text.length]),
    text,
    Buffer.from([0, 0, 0, 0]),
  ])
  const header = Buffer.from([1, 0, 0, 0, 0, 0, payload.length])
  return Buffer.concat([header, payload, Buffer.from([0xce])])
}

describe('a publication that the server does not answer for', () => {
  it('is told to be uncertain within confirmTimeout, and the next goes on another channel', async () => {
    await using line = await startLine(server.port)
    let isDeaf = true
    line.onFrame((frame) => (isDeaf && methodOf(frame) === ACK ? [] : [frame]))
    const broker = await brokerOn(line.port)
    const startMs = performance.now()
    const failed = await Promise.allSettled(
      [1, 2].map((n) => broker.publish([taskMessage('unanswered', `lost-${n}`)])),
    )
    const tookMs = performance.now() - startMs
    for (const [index, outcome] of failed.entries())
      expect(outcome).toMatchObject({
        reason: {
          code: 'LVG_PUBLISH_UNCERTAIN',
          message: expect.stringMatching(/^RabbitMQ did not confirm, within 2 s, a message/),
          details: { ids: [`lost-${index + 1}`] },
        },
      })
    expect(tookMs).toBeGreaterThan(CONFIRM_S * 500)
    isDeaf = false
    await broker.publish([taskMessage('unanswered', 'next')])
    await vi.waitFor(
      async () => expect((await broker.depths(['unanswered'])).get('unanswered')?.ready).toBe(3),
      WITHIN,
    )
  })

  it('waits as long as RabbitMQ says that it takes nothing', async () => {
    const broker = await brokerOn(server.port)
    await broker.publish([taskMessage('blocked', 'before')])
    await server.ctl('set_vm_memory_high_watermark', 'absolute', '1MB')
    // Once the alarm is raised, it reads nothing more from publishers.
    await vi.waitFor(
      async () => expect(await server.eval('rabbit_alarm:get_alarms().')).not.toBe('[]'),
      WITHIN,
    )
    let isOpen = true
    let publishing: Promise<void> | undefined
    try {
      publishing = broker.publish([taskMessage('blocked', 'during')]).finally(() => {
        isOpen = false
      })
      // The time limit itself is tested here: more than twice the time that an answer may take otherwise.
      await new Promise((resolve) => setTimeout(resolve, CONFIRM_S * 2_500))
      expect(isOpen).toBe(true)
    } finally {
      await server.ctl('set_vm_memory_high_watermark', '0.4')
    }
    await publishing
    expect(isOpen).toBe(false)
  }, 60_000)
})

describe('a connection whose goodbye comes in one read', () => {
  it.each([
    ['with the last answer of its handshake', OPEN_OK],
    ['with the last answer of its channel for publishing', SELECT_OK],
  ])('%s fails what was asked, and is made again', async (_, last) => {
    await using line = await startLine(server.port)
    let count = 0
    line.onFrame((frame) =>
      methodOf(frame) === last && count++ === 0 ? [frame, connectionClose()] : [frame],
    )
    const broker = await brokerOn(line.port)
    await expect(broker.publish([taskMessage('goodbye', 'first')])).rejects.toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
    })
    await broker.publish([taskMessage('goodbye', 'second')])
    expect(count).toBeGreaterThan(1)
  })
})
