import { expect, test } from 'vitest'
import { desiredReplicas, policyFrom } from './scale-policy.js'

test.each([
  // Nothing to do: the fewest allowed.
  [{ backlog: 0, running: 0 }, { slots: 4 }, 0],
  [{ backlog: 0, running: 0 }, { slots: 4, min: 2 }, 2],
  // A slot for each that waits or runs.
  [{ backlog: 1, running: 0 }, { slots: 4 }, 1],
  [{ backlog: 5, running: 4 }, { slots: 4 }, 3],
  [{ backlog: 5, running: 4 }, { slots: 4, max: 2 }, 2],
  // A part of the slots stays free.
  [{ backlog: 0, running: 8 }, { slots: 4, target: 0.5 }, 4],
  // 6000 tasks of 10 ms are 60 s of work: one slot does them in a minute, six in ten seconds.
  [{ backlog: 6000, running: 0 }, { slots: 1, runtime: 0.01 }, 1],
  [{ backlog: 6000, running: 0 }, { slots: 1, runtime: 0.01, within: 10 }, 6],
  // A task that takes longer than the time allowed needs one slot, not more.
  [{ backlog: 3, running: 0 }, { slots: 1, runtime: 3600 }, 3],
  // Little work is still work.
  [{ backlog: 1, running: 0 }, { slots: 100, runtime: 0.001 }, 1],
] as const)('%j with %j calls for %i replicas', (load, policy, replicas) => {
  expect(desiredReplicas(load, policy)).toBe(replicas)
})

test('a policy is read from a query, and an impossible one is refused with its reason', () => {
  const read = (query: string, slots?: number) => policyFrom(new URLSearchParams(query), slots)
  expect(read('within=30&runtime=0.2&max=9', 8)).toEqual({ slots: 8, within: 30, runtime: 0.2, max: 9 })
  expect(read('slots=4', 8)).toEqual({ slots: 4 })
  expect(() => read('')).toThrow('?slots=8')
  expect(() => read('slot=4')).toThrow('slot is not an option of a scaling policy; they are slots, target')
  expect(() => read('slots=0')).toThrow('slots=0: give a number above 0.')
  expect(() => read('slots=')).toThrow('slots=: give a number above 0.')
  expect(() => read('slots=1&target=1.5')).toThrow('target=1.5: give above 0 and at most 1.')
  expect(() => read('slots=1&max=1e999')).toThrow('max=1e999: give a whole number from 0.')
  expect(() => read('slots=1&min=3&max=2')).toThrow('min=3 is more than max=2.')
})
