import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dispatch } from '../app/canvas/index.js'
import { MessageError } from '../kernel/index.js'
import {
  type Canvas,
  called,
  chainOf,
  configured,
  freeze,
  fromWire,
  pipe,
  resultTuple,
  skewed,
  taskNode,
  toWire,
  withLinks,
} from './index.js'

const task = (name: string, ...args: unknown[]): Canvas => taskNode(name, args)
const group = (...members: Canvas[]): Canvas => ({
  kind: 'group',
  members,
  args: [],
  options: {},
  immutable: false,
})
const chord = (header: Canvas[], body: Canvas): Canvas => ({
  kind: 'chord',
  header,
  body,
  args: [],
  options: {},
  immutable: false,
})

/** A canvas in one line: `a | [b, c] > d` is a chain whose second step is a chord. */
function show(canvas: Canvas): string {
  switch (canvas.kind) {
    case 'task':
      return canvas.task
    case 'chain':
      return canvas.steps.map(show).join(' | ')
    case 'group':
      return `[${canvas.members.map(show).join(', ')}]`
    case 'chord':
      return `[${canvas.header.map(show).join(', ')}] > (${show(canvas.body)})`
  }
}

describe('what is put together', () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => task(name)) as [Canvas, Canvas, Canvas, Canvas]
  test.each<[why: string, canvas: Canvas, shown: string]>([
    ['a chain of one is its step', chainOf([a]), 'a'],
    ['chains in chains are one chain', chainOf([chainOf([a, b]), chainOf([c, d])]), 'a | b | c | d'],
    ['a group before a task is a chord', chainOf([group(a, b), c]), '[a, b] > (c)'],
    ['also in the middle', chainOf([a, group(b, c), d]), 'a | [b, c] > (d)'],
    ['a group at the end stays one', chainOf([a, group(b, c)]), 'a | [b, c]'],
    [
      'a group before a group is a chord with a group as its body',
      chainOf([group(a, b), group(c, d)]),
      '[a, b] > ([c, d])',
    ],
    ['what follows a chord extends its body', pipe(chord([a, b], c), d), '[a, b] > (c | d)'],
    ['a group of one stays a group', pipe(pipe(a, group(b)), c), 'a | [b] > (c)'],
    ['also at the end', pipe(a, group(b)), 'a | [b]'],
  ])('%s', (_why, canvas, shown) => expect(show(canvas)).toBe(shown))

  test('nothing changes what it was made of', () => {
    const inner = chainOf([a, b])
    const before = JSON.stringify(inner)
    pipe(inner, group(c, d))
    configured(inner, { queue: 'q' })
    withLinks(inner, 'link', [toWire(d)])
    freeze(inner, () => 'id')
    expect(JSON.stringify(inner)).toBe(before)
  })

  test('an empty chain is refused, an empty group and header are not', () => {
    expect(() => chainOf([])).toThrow('A chain needs at least one step.')
    expect(() => freeze(group(), () => 'id')).not.toThrow()
    expect(() => freeze(chord([], a), () => 'id')).not.toThrow()
  })

  test('members of a skewed group start one after the other', () => {
    const countdowns = skewed([a, b, c, d], { start: 1, step: 2, stop: 5 }).map(
      ({ options }) => options.countdown,
    )
    expect(countdowns).toEqual([1, 3, 5, 5])
  })
})

describe('options of a call', () => {
  const optionsOf = (canvas: Canvas): unknown => {
    switch (canvas.kind) {
      case 'task':
        return canvas.options
      case 'chain':
        return canvas.steps.map(optionsOf)
      case 'group':
        return [canvas.options, canvas.members.map(optionsOf)]
      case 'chord':
        return [canvas.header.map(optionsOf), optionsOf(canvas.body)]
    }
  }
  const options = { queue: 'q', countdown: 5 }
  test.each<[what: string, canvas: Canvas, expected: unknown]>([
    ['the first step of a chain', chainOf([task('a'), task('b')]), [options, {}]],
    ['each member of a group', group(task('a'), task('b')), [{}, [options, options]]],
    ['the first step of each member', group(chainOf([task('a'), task('b')])), [{}, [[options, {}]]]],
    [
      'header and body of a chord, whose header alone is put off',
      chord([task('a')], task('b')),
      [[options], { queue: 'q' }],
    ],
  ])('hold for %s', (_what, canvas, expected) => {
    expect(optionsOf(called(canvas, options))).toEqual(expected)
  })

  test('name the last step by the id', () => {
    expect(optionsOf(called(chainOf([task('a'), task('b')]), { task_id: 'x' }))).toEqual([
      {},
      { task_id: 'x' },
    ])
  })
})

describe('ids', () => {
  const counter = () => {
    let last = 0
    return () => `id-${++last}`
  }

  test('a chain has the id of its last step, a chord of its body, and each result its parent', () => {
    const frozen = freeze(chainOf([task('a'), group(task('b'), task('c')), task('d')]), counter())
    const tuple = resultTuple(frozen)
    const [[id, parent], members] = tuple
    expect(members).toBeNull()
    expect(id).toMatch(/^id-/)
    // The header's group stands before the body, and the first step before the group.
    expect(parent?.[1]).toHaveLength(2)
    expect(parent?.[0][1]?.[1]).toBeNull()
  })

  test('freezing twice changes nothing', () => {
    const newId = counter()
    const once = freeze(chainOf([task('a'), group(task('b'), task('c')), task('d')]), newId)
    expect(freeze(once, newId)).toEqual(once)
  })
})

/** Canvases of a few levels. */
const canvases: fc.Arbitrary<Canvas> = fc.letrec<{ canvas: Canvas; task: Canvas }>((tie) => ({
  task: fc
    .record({
      name: fc.constantFrom('a', 'b', 'c'),
      args: fc.array(fc.integer(), { maxLength: 2 }),
      immutable: fc.boolean(),
    })
    .map(({ name, args, immutable }) => taskNode(name, args, {}, {}, immutable)),
  canvas: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('task'),
    fc.array(tie('canvas'), { minLength: 1, maxLength: 3 }).map((steps) => chainOf(steps)),
    fc.array(tie('canvas'), { minLength: 1, maxLength: 3 }).map((members) => group(...members)),
    fc
      .tuple(fc.array(tie('canvas'), { minLength: 1, maxLength: 3 }), tie('task'))
      .map(([header, body]) => chord(header, body)),
  ),
})).canvas

describe('on the wire', () => {
  test('what is written is read again', () => {
    fc.assert(
      fc.property(canvases, (canvas) => {
        const wire = JSON.parse(JSON.stringify(toWire(canvas)))
        expect(JSON.stringify(toWire(fromWire(wire)))).toBe(JSON.stringify(toWire(canvas)))
      }),
    )
  })

  test('whatever is drawn can be frozen and begun, and begins at least one task for each that waits', () => {
    let last = 0
    const newId = () => `id-${++last}`
    fc.assert(
      fc.property(canvases, (canvas) => {
        const { calls, joins } = dispatch(freeze(canvas, newId), [1], { newId })
        expect(calls.length).toBeGreaterThan(0)
        for (const join of joins) expect(join.size).toBeGreaterThan(0)
      }),
    )
  })

  const nested = (depth: number): unknown =>
    depth === 0
      ? { task: 'a' }
      : { task: 'celery.group', subtask_type: 'group', kwargs: { tasks: [nested(depth - 1)] } }

  test.each<[what: string, hostile: unknown]>([
    ['nothing', null],
    ['a text', 'add'],
    ['a list', [{ task: 'add' }]],
    ['no task', { args: [1] }],
    ['an empty name', { task: '' }],
    ['a name that is no text', { task: 7 }],
    ['args that are no list', { task: 'add', args: { 0: 1 } }],
    ['kwargs that are no object', { task: 'add', kwargs: [1] }],
    ['options that are no object', { task: 'add', options: 'x' }],
    ['a chain without steps to read', { task: 'celery.chain', subtask_type: 'chain', kwargs: {} }],
    [
      'a group whose members are a text',
      { task: 'celery.group', subtask_type: 'group', kwargs: { tasks: 'abc' } },
    ],
    ['a chord without a body', { task: 'celery.chord', subtask_type: 'chord', kwargs: { header: [] } }],
    [
      'a chord whose body is a number',
      { task: 'celery.chord', subtask_type: 'chord', kwargs: { header: [], body: 3 } },
    ],
    ['a hundred and one levels', nested(101)],
    [
      'ten thousand levels',
      JSON.parse(
        `${'{"task":"g","subtask_type":"group","kwargs":{"tasks":['.repeat(800)}null${']}}'.repeat(800)}`,
      ),
    ],
  ])('%s is refused in one sentence', (_what, hostile) => {
    const refused = (() => {
      try {
        fromWire(hostile)
        return undefined
      } catch (error) {
        return error
      }
    })()
    expect(refused).toBeInstanceOf(MessageError)
    expect(refused).toMatchObject({ code: 'LVG_CANVAS_INVALID' })
  })

  test('a hundred levels are read', () => {
    expect(fromWire(nested(100)).kind).toBe('group')
  })

  test('a canvas that contains itself is refused when it is frozen', () => {
    const members: Canvas[] = []
    const circle = group()
    const round = { ...circle, members }
    members.push(round)
    expect(() => freeze(round, () => 'id')).toThrow('nested deeper than 100 levels')
  })

  test('whatever else comes is a canvas, or is refused the same way', () => {
    const part = fc.letrec((tie) => ({
      signature: fc.record(
        {
          task: fc.oneof(fc.constant('a'), fc.anything()),
          args: fc.oneof(fc.constant([]), fc.anything()),
          kwargs: fc.oneof(
            fc.record({ tasks: fc.oneof(fc.array(tie('signature'), { maxLength: 3 }), fc.anything()) }),
            fc.record({
              header: fc.oneof(tie('signature'), fc.array(tie('signature'), { maxLength: 2 })),
              body: tie('signature'),
            }),
            fc.anything(),
          ),
          options: fc.oneof(fc.constant({}), fc.anything()),
          subtask_type: fc.constantFrom('chain', 'group', 'chord', null, 'map', 7),
          immutable: fc.anything(),
        },
        { requiredKeys: [] },
      ),
    })).signature
    fc.assert(
      fc.property(part, (value) => {
        try {
          fromWire(value)
        } catch (error) {
          expect(error).toBeInstanceOf(MessageError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
