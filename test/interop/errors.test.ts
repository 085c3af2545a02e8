import { group, type Lovage } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

/** Python's side: its errors, and a task that raises each. */
const SOURCE = `
app.conf.update(task_default_queue='py')

class OutOfStock(Exception): pass

class CardDeclined(Exception):
    def __init__(self, message, code):
        super().__init__(message, code)
        self.code = code

@app.task(name='py.raises')
def raises(what):
    if what == 'card': raise CardDeclined('no money', 51)
    if what == 'stock': raise OutOfStock('no spoons')
    if what == 'few': raise OutOfStock()
    raise ValueError('no', 42)
`

class OutOfStock extends Error {}
class OutOfSpoons extends OutOfStock {}
class CardDeclined extends Error {
  readonly code: number
  constructor(message: string, code: number) {
    super(message)
    this.code = code
  }
}

let redis: RedisServer
let python: PythonCelery
let app: Lovage
beforeAll(async () => {
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: SOURCE,
    args: ['-P', 'solo', '-Q', 'py'],
  })
})
afterAll(async () => {
  await python?.stop()
  await redis?.stop()
})
beforeEach(() => {
  app = createTestApp('ts', {
    broker: redis.url,
    backend: redis.url,
    jsonTypes: 'plain',
    taskDefaultQueue: 'ts',
  })
  app.errors({
    'tasks.OutOfStock': OutOfStock,
    'tasks.CardDeclined': {
      class: CardDeclined,
      toArgs: ({ message, code }: CardDeclined) => [message, code],
      fromArgs: (message, code) => new CardDeclined(String(message), Number(code)),
    },
  })
})
afterEach(() => app.close())

class ValueError extends Error {
  override name = 'ValueError'
}

describe('errors between the languages', { timeout: 60_000 }, () => {
  test('what a task throws is caught in Python by its class, with its arguments', async () => {
    const thrown: Readonly<Record<string, () => Error>> = {
      card: () => new CardDeclined('no money', 51),
      stock: () => new OutOfStock('no spoons'),
      subclass: () => new OutOfSpoons('none at all'),
      value: () => new ValueError('no'),
      type: () => new TypeError('not a spoon'),
      other: () => new RangeError('too far'),
    }
    app.task({
      name: 'ts.throws',
      params: ['what'],
      run: (_ctx, what: string) => {
        throw thrown[what]?.() ?? new Error(what)
      },
    })
    app.task({
      name: 'ts.retries',
      maxRetries: 1,
      run: (ctx) => {
        throw ctx.retry({ countdown: 0, cause: new OutOfStock('still none') })
      },
    })
    app.task({ name: 'ts.named', input: z.object({ what: z.string() }), run: (_ctx, { what }) => what })
    await using _worker = await startTestWorker(app, { queues: ['ts'] })
    const answer = await python.run(`
import json, tasks
from tasks import app
seen = {}
def caught(name, *args, **kwargs):
    try:
        app.send_task(name, args=args, kwargs=kwargs, queue='ts').get(timeout=20)
    except tasks.CardDeclined as error:
        return ['CardDeclined', error.args, error.code]
    except tasks.OutOfStock as error:
        return ['OutOfStock', error.args]
    except ValueError as error:
        return ['ValueError', error.args]
    except TypeError as error:
        return ['TypeError', error.args]
    except Exception as error:
        return [type(error).__name__, error.args]
for what in ['card', 'stock', 'subclass', 'value', 'type', 'other']:
    seen[what] = caught('ts.throws', what)
seen['retries'] = caught('ts.retries')
seen['missing'] = caught('ts.named')[0]
seen['unknown'] = caught('ts.throws', 'card', whose='mine')[0]
seen['toomany'] = caught('ts.throws', 'card', 2, 3)[0]
print(json.dumps(seen))`)
    expect(JSON.parse(answer)).toEqual({
      card: ['CardDeclined', ['no money', 51], 51],
      stock: ['OutOfStock', ['no spoons']],
      subclass: ['OutOfStock', ['none at all']],
      value: ['ValueError', ['no']],
      type: ['TypeError', ['not a spoon']],
      other: ['RangeError', ['too far']],
      retries: ['OutOfStock', ['still none']],
      missing: 'TypeError',
      unknown: 'TypeError',
      toomany: 'TypeError',
    })
  })

  test('what a Python task raises is thrown here as its class, and otherwise as a TaskError', async () => {
    const call = async (what: string): Promise<unknown> =>
      (await app.sendTask('py.raises', { args: [what], queue: 'py' }))
        .get({ timeout: 20 })
        .catch((error: unknown) => error)
    const card = await call('card')
    expect(card).toBeInstanceOf(CardDeclined)
    expect(card).toMatchObject({
      message: 'no money',
      code: 51,
      cause: {
        name: 'TaskError',
        details: { type: 'CardDeclined', module: 'tasks', message: ['no money', 51] },
      },
    })
    expect(await call('stock')).toBeInstanceOf(OutOfStock)
    expect(await call('few')).toBeInstanceOf(OutOfStock)
    expect(await call('value')).toMatchObject({
      name: 'TaskError',
      details: { type: 'ValueError', module: 'builtins', message: ['no', 42] },
    })
    const members = ['stock', 'card'].map((what) => app.signature('py.raises', { args: [what], queue: 'py' }))
    const all = await group(members.slice(0, 1)).applyAsync()
    await expect(all.get({ timeout: 20 })).rejects.toBeInstanceOf(OutOfStock)
  })

  test('between our own tasks: a class comes back as itself', async () => {
    const task = app.task({
      name: 'ts.card',
      run: () => {
        throw new CardDeclined('no money', 51)
      },
    })
    await using _worker = await startTestWorker(app, { queues: ['ts'] })
    await expect((await task.delay()).get({ timeout: 20 })).rejects.toBeInstanceOf(CardDeclined)
  })
})

test('a name without a module, or anything but a class of errors, is refused', () => {
  for (const [name, value] of [
    ['CardDeclined', CardDeclined],
    ['shop.CardDeclined', {}],
    ['shop.CardDeclined', class {}],
    ['shop.CardDeclined', undefined],
  ] as const)
    expect(() => app.errors({ [name]: value } as never)).toThrow(
      expect.objectContaining({ code: 'LVG_CONFIG_INVALID' }),
    )
})

test('arguments that cannot be told leave the message in their place', async () => {
  app.errors({
    'tasks.OutOfStock': {
      class: OutOfStock,
      toArgs: () => {
        throw new Error('of no use')
      },
    },
    'tasks.CardDeclined': { class: CardDeclined, toArgs: () => [() => 1] },
  })
  const task = app.task({
    name: 'ts.either',
    run: (_ctx, isCard: boolean) => {
      throw isCard ? new CardDeclined('no money', 51) : new OutOfStock('no spoons')
    },
  })
  await using _worker = await startTestWorker(app, { queues: ['ts'] })
  for (const [isCard, message] of [
    [true, 'no money'],
    [false, 'no spoons'],
  ] as const)
    expect(await (await task.delay(isCard)).get({ timeout: 20, propagate: false })).toMatchObject({
      exc_module: 'tasks',
      exc_message: [message],
    })
})
