import { defineScript } from '../client/index.js'

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

/** Counts claimed messages. */
export const COUNT_UNACKED = defineScript<
  [holders: string, unackedIndex: string, unacked: string],
  [heldPrefix: string, limit: number],
  [lists: string[], listCounts: number[], routingKeys: string[], keyCounts: number[]]
>({
  file: lua('count-unacked'),
  keys: ['holders', 'unackedIndex', 'unacked'],
  args: ['heldPrefix', 'limit'],
})

/** Counts the waiting and delayed messages of queues. */
export const COUNT_WAITING = defineScript<
  [queues: string],
  [
    listPrefix: string,
    separator: string,
    steps: string,
    timesPrefix: string,
    dueByMs: number,
    ...queues: string[],
  ],
  number[]
>({
  file: lua('count-waiting'),
  keys: ['queues'],
  args: ['listPrefix', 'separator', 'steps', 'timesPrefix', 'dueByMs', 'queues…'],
})

/** Reads the members of sets. */
export const READ_SETS = defineScript<string[], [], string[][]>({
  file: lua('read-sets'),
  keys: ['sets…'],
  args: [],
})

/** Empties a queue. */
export const PURGE = defineScript<
  [delayed: string, times: string, messages: string, ...lists: string[]],
  [queue: string],
  number
>({ file: lua('purge'), keys: ['delayed', 'times', 'messages', 'lists…'], args: ['queue'] })

/** Finds waiting messages in which one of a few ids stands. */
export const FIND_WAITING = defineScript<
  [list: string],
  (string | number)[],
  [read: number, ...raws: Buffer[]]
>({ file: lua('find-waiting'), keys: ['list'], args: ['from', 'to', 'ids…'] })

/** Removes delayed messages. */
export const REMOVE_DELAYED = defineScript<[times: string, messages: string], string[], number>({
  file: lua('remove-delayed'),
  keys: ['times', 'messages'],
  args: ['members…'],
})

/** Makes delayed messages due earlier or later. */
export const RESCHEDULE = defineScript<
  [delayed: string, times: string, messages: string, doorbell: string],
  [queue: string, dueMs: number, ...membersAndValues: string[]],
  number
>({
  file: lua('reschedule'),
  keys: ['delayed', 'times', 'messages', 'doorbell'],
  args: ['queue', 'dueMs', 'members…'],
})

/** Turns waiting messages into delayed ones. */
export const POSTPONE_WAITING = defineScript<
  [list: string, delayed: string, times: string, messages: string, doorbell: string],
  [queue: string, dueMs: number, ...rawsMembersAndValues: (string | Buffer)[]],
  number
>({
  file: lua('postpone-waiting'),
  uses: [lua('publication')],
  keys: ['list', 'delayed', 'times', 'messages', 'doorbell'],
  args: ['queue', 'dueMs', 'raws…'],
})
