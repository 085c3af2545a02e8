import { expect } from 'vitest'
import type { DeadLetter } from '../../dead-letter/index.js'
import { newId } from '../../kernel/index.js'
import type { SuiteTester } from './tester.suite.js'
import { message, messages, newName, pass } from './world.suite.js'

/** The broker's own store of dead letters. */
export function deadLetterTests({ test }: SuiteTester): void {
  test('moves a message into the dead letters in one step', async (world) => {
    await world.publish(message(world.queue))
    const consumer = await world.consume()
    const { tag, raw } = await consumer.first()
    const wanted = letter(world.queue, { raw, reason: 'unknown-task', retries: 2, redeliveries: 1 })
    expect(await consumer.settle({ kind: 'dead-letter', tag, letter: wanted })).toEqual([])
    const { items } = await world.broker.deadLetters.list({ queue: world.queue })
    expect(items.map((one) => ({ ...one, raw: one.raw.toString() }))).toEqual([
      { ...wanted, raw: raw.toString() },
    ])
    await world.expectDepth(world.queue, 0, 0)
  })

  test('keeps bytes that are no text', async (world) => {
    const raw = Buffer.from([0, 255, 128, 10, 6, 22])
    const kept = letter(world.queue, { raw, taskId: null, task: null, reason: 'malformed' })
    await world.broker.deadLetters.add([kept])
    const [found] = (await world.broker.deadLetters.list({ ids: [kept.id] })).items
    expect(found).toMatchObject({ taskId: null, task: null, reason: 'malformed' })
    expect(Buffer.from(found?.raw ?? '').equals(raw)).toBe(true)
  })

  test('stores a letter of the same id once', async (world) => {
    const [first, second] = [0, 1].map(() => message(world.queue))
    if (!first || !second) throw new Error('unreachable')
    await world.publish(first, second)
    const consumer = await world.consume()
    const [a, b] = await consumer.received(2)
    if (!a || !b) throw new Error('unreachable')
    const same = letter(world.queue)
    expect(
      await consumer.settle(
        { kind: 'dead-letter', tag: a.tag, letter: same },
        { kind: 'dead-letter', tag: b.tag, letter: same },
      ),
    ).toEqual([])
    await world.broker.deadLetters.add([same])
    expect((await world.broker.deadLetters.list({ queue: world.queue })).items.length).toBe(1)
  })

  test('publishes the continuation with a dead letter', async (world) => {
    const elsewhere = await world.newQueue()
    await world.publish(message(world.queue))
    const consumer = await world.consume({ queues: [world.queue, elsewhere] })
    const { tag } = await consumer.first()
    await consumer.settle({
      kind: 'dead-letter',
      tag,
      letter: letter(world.queue),
      publish: messages(elsewhere, ['x']),
    })
    const [, next] = await consumer.received(2)
    expect(next?.queue).toBe(elsewhere)
  })

  test('lists newest first, page by page', async (world) => {
    const all = Array.from({ length: 25 }, (_, index) => letter(world.queue, { failedMs: 1_000_000 + index }))
    await world.broker.deadLetters.add(all)
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = await world.broker.deadLetters.list({
        queue: world.queue,
        limit: 10,
        ...(after ? { after } : {}),
      })
      expect(page.items.length).toBeLessThanOrEqual(10)
      seen.push(...page.items.map(({ id }) => id))
      after = page.next
    } while (after !== undefined)
    expect(seen).toEqual(all.map(({ id }) => id).reverse())
  })

  test('pages through letters of the same moment without losing one', async (world) => {
    const all = Array.from({ length: 12 }, () => letter(world.queue, { failedMs: 5 }))
    await world.broker.deadLetters.add(all)
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = await world.broker.deadLetters.list({
        queue: world.queue,
        limit: 5,
        ...(after ? { after } : {}),
      })
      seen.push(...page.items.map(({ id }) => id))
      after = page.next
    } while (after !== undefined)
    expect([...seen].sort()).toEqual(all.map(({ id }) => id).sort())
  })

  test('lists by queue, task, reason, ids and age, all together', async (world) => {
    const { deadLetters } = world.broker
    const task = newName('task')
    const wanted = letter(world.queue, { task, reason: 'rejected', failedMs: 1000 })
    const others = [
      letter(await world.newQueue(), { task, reason: 'rejected', failedMs: 1000 }),
      letter(world.queue, { task: 'other', reason: 'rejected', failedMs: 1000 }),
      letter(world.queue, { task, reason: 'failed', failedMs: 1000 }),
      letter(world.queue, { task, reason: 'rejected', failedMs: 2000 }),
    ]
    await deadLetters.add([wanted, ...others])
    const ids = async (query: Parameters<typeof deadLetters.list>[0]): Promise<string[]> =>
      (await deadLetters.list(query)).items.map(({ id }) => id)
    const query = { queue: world.queue, task, reason: 'rejected', failedBeforeMs: 2000 } as const
    expect(await ids(query)).toEqual([wanted.id])
    expect((await ids({ task })).length).toBe(4)
    expect((await ids({ queue: world.queue })).length).toBe(4)
    expect(await ids({ ids: [wanted.id, newId()] })).toEqual([wanted.id])
    expect(await ids({ ids: [] })).toEqual([])
    expect(await ids({ ...query, ids: others.map(({ id }) => id) })).toEqual([])
  })

  test('lists by ids of tasks as by those of letters, page by page', async (world) => {
    const { deadLetters } = world.broker
    const taskId = newId()
    const attempts = [1, 2, 3].map((failedMs) => letter(world.queue, { taskId, failedMs }))
    const [own, other] = [letter(world.queue, { failedMs: 9 }), letter(world.queue, { taskId: null })]
    await deadLetters.add([...attempts, own, other])
    const ids = [taskId, own.id, newId()]
    const first = await deadLetters.list({ ids, limit: 3 })
    expect(first.items.map(({ failedMs }) => failedMs)).toEqual([9, 3, 2])
    const after = first.next ?? ''
    const rest = await deadLetters.list({ ids, limit: 3, after })
    expect(rest.items.map(({ id }) => id)).toEqual([attempts[0]?.id])
    expect(rest.next).toBeUndefined()
    const old = await deadLetters.list({ ids: [taskId], failedBeforeMs: 2 })
    expect(old.items.map(({ id }) => id)).toEqual([attempts[0]?.id])
  })

  test('counts by queue', async (world) => {
    const elsewhere = await world.newQueue()
    await world.broker.deadLetters.add([letter(world.queue), letter(world.queue), letter(elsewhere)])
    const counts = await world.broker.deadLetters.count()
    expect([counts.get(world.queue), counts.get(elsewhere)]).toEqual([2, 1])
  })

  test('gives a letter to one taker only', async (world) => {
    const all = Array.from({ length: 50 }, () => letter(world.queue))
    await world.broker.deadLetters.add(all)
    const ids = all.map(({ id }) => id)
    const taken = await Promise.all([world.broker.deadLetters.take(ids), world.broker.deadLetters.take(ids)])
    expect(
      taken
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...ids].sort())
    expect((await world.broker.deadLetters.list({ queue: world.queue })).items).toEqual([])
    expect(await world.broker.deadLetters.take([newId()])).toEqual([])
  })

  test('delivers no dead letter', async (world) => {
    await world.broker.deadLetters.add([letter(world.queue)])
    const consumer = await world.consume()
    await pass(100)
    expect(consumer.deliveries).toEqual([])
  })
}

function letter(queue: string, over: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: newId(),
    taskId: newId(),
    task: 'suite.task',
    queue,
    reason: 'failed',
    error: { type: 'TypeError', message: 'x is not a function', traceback: 'at run (tasks.ts:1:1)' },
    retries: 0,
    redeliveries: 0,
    worker: 'w1@suite',
    failedMs: 1_700_000_000_123,
    raw: '{"é": 1}',
    ...over,
  }
}
