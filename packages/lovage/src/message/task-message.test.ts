import { expect, test } from 'vitest'
import { isLovageError } from '../kernel/index.js'
import { decodeEnvelope, decodeTask, encodeEnvelope, encodeTask } from './index.js'

test('a task survives the way through the envelope', () => {
  const message = encodeTask(
    {
      task: 't.add',
      id: 'id-1',
      args: [1, 'a'],
      kwargs: { at: new Date(5) },
      routingKey: 'q',
      headers: { custom: 1 },
    },
    { nowMs: 0 },
  )
  const raw = encodeEnvelope(message, (p) => 9 - (p ?? 9), 'tag-1')
  const incoming = decodeEnvelope(raw, (p) => 9 - (p ?? 0))
  if (isLovageError(incoming)) throw incoming
  const task = decodeTask(incoming)
  if (isLovageError(task)) throw task
  expect(task.args).toEqual([1, 'a'])
  expect(task.kwargs).toEqual({ at: new Date(5) })
  expect(task.headers).toEqual(message.headers)
  expect(task.headers.argsrepr).toBe("(1, 'a')")
  expect(incoming.deliveryTag).toBe('tag-1')
})
