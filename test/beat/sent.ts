import type { Lovage } from 'lovage'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { decodeTask } from '../../packages/lovage/src/message/index.js'

/** A task message that was waiting in a queue. */
export interface SentTask {
  readonly id: string
  readonly task: string
  readonly entry: unknown
  readonly headers: Readonly<Record<string, unknown>>
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** Takes all messages out of a queue of a broker in memory, in their order. */
export async function takeSent(app: Lovage, queue = 'celery'): Promise<readonly SentTask[]> {
  const broker = await coreOf(app).broker()
  await broker.declare([{ name: queue }])
  const taken: SentTask[] = []
  const consumer = await broker.consume({
    queues: [queue],
    holder: `test-${Math.random()}`,
    leaseMs: 30_000,
    visibilityTimeoutMs: 3_600_000,
    free: () => 10_000,
    onDeliveries: (deliveries) => {
      for (const { message } of deliveries) {
        const read = message instanceof Error ? message : decodeTask(message)
        if (read instanceof Error) throw read
        const { headers, args, kwargs } = read
        taken.push({
          id: headers.id,
          task: headers.task,
          entry: headers.periodic_task_name,
          headers,
          args,
          kwargs,
        })
      }
      void consumer.settle(deliveries.map(({ tag }) => ({ kind: 'ack', tag })))
    },
    onLost: () => {},
    onError: () => {},
    clock: app.clock,
    logger: app.logger,
  })
  consumer.demand()
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  await consumer.close()
  return taken
}
