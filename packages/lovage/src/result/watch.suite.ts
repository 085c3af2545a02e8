import { expect } from 'vitest'
import { newId } from '../kernel/index.js'
import type { ResultBackend, TaskResult } from './result-backend.js'
import { type Check, record } from './tester.suite.js'

/** The contract of watching. */
export function watchTests(check: Check): void {
  check('are told to who watches: what is there, and each state that comes', async ({ backend, other }) => {
    const id = newId()
    await backend.store([record({ id, state: 'STARTED' })])
    const watch = new Watch(other, [id])
    await watch.until(({ state }) => state === 'STARTED')
    for (let percent = 10; percent <= 30; percent += 10) {
      await backend.store([record({ id, state: 'PROGRESS', result: { percent } })])
      await watch.until(({ result }) => (result as { percent?: number }).percent === percent)
    }
    await backend.store([record({ id, result: 'done' })])
    await watch.until(({ state }) => state === 'SUCCESS')
    watch.end()
    watch.end()
    expect(watch.heard.map(({ state }) => state)).toEqual([
      'STARTED',
      'PROGRESS',
      'PROGRESS',
      'PROGRESS',
      'SUCCESS',
    ])
  })

  check('are told to all who watch, also twice in one place', async ({ backend, other }) => {
    const [a, b] = [newId(), newId()]
    const calls: string[] = []
    const on = ({ id }: TaskResult): void => void calls.push(id)
    const ends = [backend.watch([a, b, a], on), backend.watch([a], on)]
    const watches = [new Watch(other, [a, b]), new Watch(backend, [b])]
    await backend.store([record({ id: a }), record({ id: b })])
    await watches[0]?.until(({ id }) => id === a)
    for (const watch of watches) await watch.until(({ id }) => id === b)
    // The first two were there before these, and a store tells in the order of coming.
    await eventually(() => calls.length >= 3)
    for (const end of ends) end()
    for (const watch of watches) watch.end()
    expect(calls.sort()).toEqual([a, a, b].sort())
  })

  check('are told at once when all of many are there already', async ({ backend, other }) => {
    const records = Array.from({ length: 2000 }, () => record())
    await backend.store(records)
    const watch = new Watch(
      other,
      records.map(({ id }) => id),
    )
    await watch.untilAll()
    watch.end()
    expect(watch.heard).toHaveLength(2000)
  })

  check('are told across openings, to many at once', async ({ backend, other }) => {
    const ids = Array.from({ length: 300 }, newId)
    const together = new Watch(other, ids)
    const alone = ids.map((id) => new Watch(other, [id]))
    for (let at = 0; at < ids.length; at += 20)
      await backend.store(ids.slice(at, at + 20).map((id) => record({ id })))
    await together.untilAll()
    for (const watch of alone) await watch.untilAll()
    for (const watch of [together, ...alone]) watch.end()
  })

  check('are told no more after the watching ended', async ({ backend, other }) => {
    const id = newId()
    const [ended, lasting] = [new Watch(other, [id]), new Watch(other, [id])]
    ended.end()
    await backend.store([record({ id })])
    await lasting.untilAll()
    lasting.end()
    expect(ended.heard).toEqual([])
  })

  check('may be watched no longer from within the telling', async ({ backend, other }) => {
    const ids = [newId(), newId()]
    const heard: string[] = []
    const end = other.watch(ids, ({ id }) => {
      heard.push(id)
      end()
    })
    const lasting = new Watch(other, ids)
    await backend.store(ids.map((id) => record({ id })))
    await lasting.untilAll()
    lasting.end()
    // The first may hear by another way, a moment later.
    await eventually(() => heard.length > 0)
    expect(heard).toHaveLength(1)
  })

  check('are told to others though one who listens throws', async ({ backend, other }) => {
    const ids = [newId(), newId()]
    const end = other.watch(ids, () => {
      throw new Error('a listener that throws')
    })
    const watch = new Watch(other, ids)
    await backend.store(ids.map((id) => record({ id })))
    await watch.untilAll()
    watch.end()
    end()
  })

  check('that cannot be read are told as such, and those beside them as ever', async ({ backend, other }) => {
    const [bad, good] = [record({ result: 2n ** 80n }), record()]
    const watch = new Watch(other, [bad.id, good.id])
    await backend.store([bad, good])
    await watch.untilAll()
    watch.end()
    const told = watch.heard.find(({ id }) => id === bad.id)
    expect(told).toMatchObject({ state: 'FAILURE', unreadable: { code: 'LVG_RESULT_UNREADABLE' } })
    expect(watch.heard.find(({ id }) => id === good.id)?.unreadable).toBeUndefined()
  })

  check(
    'are told also when the news of them was lost',
    async ({ server, other }) => {
      const lost = record()
      const watch = new Watch(other, [lost.id])
      await server.storeSilently?.(lost)
      await watch.untilAll()
      watch.end()
    },
    'storeSilently',
  )

  check('are told to nobody whose backend was closed', async ({ server, backend }) => {
    const closed = await server.open()
    const id = newId()
    const watch = new Watch(closed, [id])
    await closed.close()
    const lasting = new Watch(backend, [id])
    await backend.store([record({ id })])
    await lasting.untilAll()
    lasting.end()
    watch.end()
    expect(watch.heard).toEqual([])
  })
}

/** Subscribes, and records the results received. */
class Watch {
  readonly heard: TaskResult[] = []
  readonly end: () => void
  readonly #ids: readonly string[]
  #wake: () => void = () => {}

  constructor(backend: ResultBackend, ids: readonly string[]) {
    this.#ids = ids
    this.end = backend.watch(ids, (result) => {
      this.heard.push(result)
      this.#wake()
    })
  }

  /** Resolves when a matching result is, or was, received. */
  async until(isMeant: (result: TaskResult) => boolean): Promise<void> {
    while (!this.heard.some(isMeant))
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }

  /** Resolves when a ready state of every id was received. */
  async untilAll(): Promise<void> {
    for (const wanted of this.#ids)
      await this.until(({ id, state }) => id === wanted && ['SUCCESS', 'FAILURE'].includes(state))
  }
}

async function eventually(isSo: () => boolean): Promise<void> {
  const untilMs = Date.now() + 10_000
  while (!isSo() && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5))
}
