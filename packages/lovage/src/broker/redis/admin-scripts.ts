import { defineScript } from '../../redis-client/index.js'

const lua = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url)

/** Moves waiting messages from one list to another. */
export const MOVE = defineScript<
  [from: string, to: string, doorbell: string],
  [limit: number, fromJson: string, toJson: string, queue: string],
  number
>({
  file: lua('move'),
  keys: ['from', 'to', 'doorbell'],
  args: ['limit', 'fromJson', 'toJson', 'queue'],
})

/** Empties a queue. */
export const PURGE = defineScript<
  [delayed: string, times: string, messages: string, ...lists: string[]],
  [queue: string],
  number
>({ file: lua('purge'), keys: ['delayed', 'times', 'messages', 'lists…'], args: ['queue'] })

/** Removes delayed messages. */
export const REMOVE_DELAYED = defineScript<[times: string, messages: string], string[], number>({
  file: lua('remove-delayed'),
  keys: ['times', 'messages'],
  args: ['members…'],
})

/** Makes delayed messages due earlier or later. */
export const PROMOTE_MEMBERS = defineScript<
  [delayed: string, times: string, doorbell: string],
  [queue: string, dueMs: number, ...members: string[]],
  number
>({
  file: lua('promote-members'),
  keys: ['delayed', 'times', 'doorbell'],
  args: ['queue', 'dueMs', 'members…'],
})
