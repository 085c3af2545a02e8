import { expect, test } from 'vitest'
import { newTaskId } from './ids.js'

test('ids of tasks are UUIDs of version 7, which begin with their time and differ', () => {
  const before = Date.now()
  const ids = Array.from({ length: 10_000 }, newTaskId)
  const after = Date.now()
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    expect(ms).toBeGreaterThanOrEqual(before)
    expect(ms).toBeLessThanOrEqual(after)
  }
})
