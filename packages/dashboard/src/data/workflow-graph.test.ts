import { expect, test } from 'vitest'
import { edgesOf, layersOf, type Placed } from './workflow-graph.js'

const task = (id: string, parentId: string | null = null, groupId: string | null = null): Placed => ({
  id,
  parentId,
  groupId,
})
const graphOf = (tasks: readonly Placed[]) => {
  const edges = edgesOf(tasks)
  return {
    edges: edges.map(({ from, to }) => `${from}>${to}`),
    layers: Object.fromEntries(layersOf(tasks, edges)),
  }
}

test('a chain is a line, and a group that its step called fans out', () => {
  const tasks = [task('a'), task('b', 'a'), task('m1', 'b', 'g'), task('m2', 'b', 'g')]
  expect(graphOf(tasks)).toEqual({ edges: ['a>b', 'b>m1', 'b>m2'], layers: { a: 0, b: 1, m1: 2, m2: 2 } })
})

test('all members of a chord lead to its body, after the longest of them', () => {
  const tasks = [
    task('m1', null, 'g'),
    task('first'),
    task('m2', 'first', 'g'),
    // The last member to end is its parent.
    task('body', 'm1', 'g'),
    task('after', 'body'),
  ]
  expect(graphOf(tasks)).toEqual({
    edges: ['first>m2', 'body>after', 'm1>body', 'm2>body'],
    layers: { m1: 0, first: 0, m2: 1, body: 2, after: 3 },
  })
})

test('what a member calls is after that member alone', () => {
  const tasks = [task('m1', null, 'g'), task('m2', null, 'g'), task('child', 'm2', 'h')]
  expect(graphOf(tasks).edges).toEqual(['m2>child'])
})

test('forged parents make no cycle and no more edges than tasks', () => {
  expect(graphOf([task('a', 'b'), task('b', 'a')]).layers).toEqual({ a: 1, b: 0 })
  expect(graphOf([task('a', 'a', 'g')])).toEqual({ edges: [], layers: { a: 0 } })
  const many = Array.from({ length: 400 }, (_, n) => task(`t${n}`, `t${(n + 1) % 400}`, 'g'))
  expect(edgesOf(many).length).toBeLessThan(2 * many.length)
})
