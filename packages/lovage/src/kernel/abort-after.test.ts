import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { abortAfter } from './abort-after.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('is aborted after its time, though the garbage collector ran and nothing else refers to it', async () => {
  const waited = new Promise((resolve, reject) => {
    const signal = abortAfter(200, new AbortController().signal)
    signal.addEventListener('abort', () => reject(signal.reason))
    setTimeout(resolve, 5_000)
  })
  const collecting = setInterval(collect, 20)
  await expect(waited).rejects.toMatchObject({ name: 'TimeoutError' })
  clearInterval(collecting)
})

test('is aborted with the other, for its reason', async () => {
  const other = new AbortController()
  const signal = abortAfter(60_000, other.signal)
  const aborted = once(signal, 'abort')
  const reason = new Error('stopped')
  other.abort(reason)
  await aborted
  expect(signal.reason).toBe(reason)
  expect(abortAfter(60_000, other.signal).reason).toBe(reason)
})
