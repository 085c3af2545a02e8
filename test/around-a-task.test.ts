import type { Lovage, TaskContext } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let app: Lovage
beforeEach(() => {
  app = createTestApp()
})
afterEach(() => app.close())

describe('around a task', () => {
  test('its own hook wraps every run, and handlers are told', async () => {
    const seen: string[] = []
    const task = app.task({
      name: 'hooked',
      around: async (_ctx, next) => {
        seen.push('begin')
        try {
          return await next()
        } finally {
          seen.push('end')
        }
      },
      beforeStart: () => void seen.push('before'),
      onSuccess: (_ctx, value) => void seen.push(`success ${value}`),
      afterReturn: (_ctx, state) => void seen.push(`after ${state}`),
      run: () => {
        seen.push('run')
        return 1
      },
    })
    await using _worker = await startTestWorker(app)
    await (await task.delay()).get({ timeout: 5 })
    await until(() => seen.length === 6)
    expect(seen).toEqual(['before', 'begin', 'run', 'end', 'success 1', 'after SUCCESS'])
  })

  test('middleware sees publishing and running, outermost first, and may change outcomes', async () => {
    const seen: string[] = []
    const log = (name: string) => ({
      name,
      publish: async (context: never, next: (context: never) => Promise<void>) => {
        seen.push(`${name} publish`)
        await next(context)
      },
      run: async (
        context: { context: TaskContext },
        next: (context: { context: TaskContext }) => Promise<never>,
      ) => {
        seen.push(`${name} run`)
        return next(context)
      },
    })
    await using wrapped = createTestApp('wrapped', { middleware: [log('a'), log('b')] })
    const task = wrapped.task({ name: 't', run: () => 1 })
    await using _worker = await startTestWorker(wrapped)
    expect(await (await task.delay()).get({ timeout: 5 })).toBe(1)
    expect(seen).toEqual(['a publish', 'b publish', 'a run', 'b run'])
  })

  test('a middleware that throws fails the task, not the worker', async () => {
    await using wrapped = createTestApp('wrapped', {
      middleware: [
        {
          name: 'broken',
          run: async () => {
            throw new Error('middleware')
          },
        },
      ],
    })
    const task = wrapped.task({ name: 't', run: () => 1 })
    await using _worker = await startTestWorker(wrapped)
    await expect((await task.delay()).get({ timeout: 5 })).rejects.toThrow('Error: middleware')
  })

  test('tasks sent by a task know their parent and root, and are its children', async () => {
    const child = app.task({ name: 'child', run: (ctx) => [ctx.parentId, ctx.rootId] })
    const parent = app.task({ name: 'parent', run: async () => (await child.delay()).id })
    await using _worker = await startTestWorker(app)
    const result = await parent.delay()
    const childId = await result.get({ timeout: 5 })
    expect(await app.asyncResult(childId).get({ timeout: 5 })).toEqual([result.id, result.id])
    expect((await result.children()).map(({ id }) => id)).toEqual([childId])
  })

  test('a state of its own can be watched', async () => {
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const task = app.task({
      name: 'slow',
      run: async (ctx) => {
        await ctx.updateState('PROGRESS', { done: 40 })
        await gate
        return 'end'
      },
    })
    await using _worker = await startTestWorker(app)
    const result = await task.delay()
    const states: unknown[] = []
    await result.watch(({ state, result: meta }) => void states.push([state, meta]))
    await until(() => states.length > 0)
    go()
    expect(await result.get({ timeout: 5 })).toBe('end')
    expect(states).toContainEqual(['PROGRESS', { done: 40 }])
  })
})
