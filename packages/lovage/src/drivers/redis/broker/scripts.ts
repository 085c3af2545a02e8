import { type Argument, defineScript, STORE_RESULT_LUA } from '../client/index.js'
import type { RedisKeys } from './redis-keys.js'

const lua = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url)

/** Claims messages for a holder. */
export const CLAIM = defineScript<
  [
    unackedIndex: string,
    unacked: string,
    held: string,
    holders: string,
    unparsed: string,
    redeliveries: string,
    reserved: string,
    ...lists: string[],
  ],
  [
    holder: string,
    leaseMs: number,
    count: number,
    remark: string,
    steps: number,
    reservation: string,
    channel: string,
    number: number,
    ...suffixes: string[],
  ],
  [tags: string, counts: string, redeliveries: string, ...messages: string[]]
>({
  file: lua('claim'),
  uses: [lua('pop-lists'), lua('delivery-tag'), lua('message-tag'), lua('reserved-room')],
  keys: ['unackedIndex', 'unacked', 'held', 'holders', 'unparsed', 'redeliveries', 'reserved', 'lists…'],
  args: ['holder', 'leaseMs', 'count', 'remark', 'steps', 'reservation', 'channel', 'number', 'suffixes…'],
})

export const claimKeys = (
  keys: RedisKeys,
  holder: string,
  lists: readonly string[],
): Parameters<typeof CLAIM.run>[1] => [
  keys.unackedIndex,
  keys.unacked,
  keys.held(holder),
  keys.holders,
  keys.unparsed,
  keys.redeliveries,
  keys.reserved(holder),
  ...lists,
]

/** Acknowledges claims, with their results. */
export const ACK = defineScript<
  [
    unackedIndex: string,
    unacked: string,
    held: string,
    unparsed: string,
    redeliveries: string,
    ...results: string[],
  ],
  [count: number, ...tagsAndResults: (string | number)[]],
  number[]
>({
  file: lua('ack'),
  uses: [lua('message-tag'), lua('fence'), STORE_RESULT_LUA],
  keys: ['unackedIndex', 'unacked', 'held', 'unparsed', 'redeliveries', 'results…'],
  args: ['count', 'tags…', 'results…'],
})

/** Checks that claims are still ours, before something in another slot goes ahead of their end. */
export const CHECK_CLAIMS = defineScript<[unackedIndex: string, held: string], string[], number[]>({
  file: lua('check-claims'),
  uses: [lua('fence')],
  keys: ['unackedIndex', 'held'],
  args: ['tags…'],
})

/** Settles claims of every kind, with continuations. */
export const SETTLE = defineScript<
  [
    unackedIndex: string,
    unacked: string,
    held: string,
    unparsed: string,
    redeliveries: string,
    doorbell: string,
    delayed: string,
    dead: string,
    deadLetters: string,
    deadMessages: string,
    deadCounts: string,
    ...own: string[],
  ],
  Argument[],
  [refused: number[], isKept: number, ...failed: (number | string)[]]
>({
  file: lua('settle'),
  uses: [
    lua('message-tag'),
    lua('fence'),
    lua('publication'),
    lua('keep'),
    lua('dead-letter'),
    STORE_RESULT_LUA,
  ],
  keys: [
    'unackedIndex',
    'unacked',
    'held',
    'unparsed',
    'redeliveries',
    'doorbell',
    'delayed',
    'dead',
    'deadLetters',
    'deadMessages',
    'deadCounts',
    'own…',
  ],
  args: ['kept', 'settlements…'],
})

/** `kept`: the lists before which a continuation is not claimed; none where there is none to claim. */
export const settleKeys = (
  keys: RedisKeys,
  holder: string,
  kept: readonly string[] = [],
): Parameters<typeof SETTLE.run>[1] => [
  keys.unackedIndex,
  keys.unacked,
  keys.held(holder),
  keys.unparsed,
  keys.redeliveries,
  keys.doorbell,
  keys.delayed,
  keys.dead,
  keys.deadLetters,
  keys.deadMessages,
  keys.deadCounts,
  ...(kept.length === 0 ? [] : [keys.holders, ...kept]),
]

/** Publishes delayed or named messages. */
export const PUBLISH = defineScript<
  [doorbell: string, delayed: string, pushed: string],
  [number: number, ...publications: (string | number)[]],
  0 | 1
>({
  file: lua('publish'),
  uses: [lua('publication')],
  keys: ['doorbell', 'delayed', 'pushed'],
  args: ['number', 'publications…'],
})

/** Pushes messages to a list as they are. */
export const PUSH = defineScript<
  [list: string, pushed: string],
  [number: number, forgetCount: number, ...numbersAndMessages: Argument[]],
  0 | 1
>({
  file: lua('push'),
  keys: ['list', 'pushed'],
  args: ['number', 'forgetCount', 'numbers…', 'messages…'],
})

/** Moves due messages to their lists. */
export const PROMOTE = defineScript<
  [delayed: string, doorbell: string],
  [timesPrefix: string, messagesPrefix: string, listPrefix: string, separator: string, limit: number],
  [moved: number, nextMs: number, wrongQueue?: string]
>({
  file: lua('promote'),
  keys: ['delayed', 'doorbell'],
  args: ['timesPrefix', 'messagesPrefix', 'listPrefix', 'separator', 'limit'],
})

/** Returns messages of a holder whose lease has expired. */
export const RESTORE_LEASE = defineScript<
  [
    holders: string,
    unackedIndex: string,
    unacked: string,
    unparsed: string,
    redeliveries: string,
    doorbell: string,
  ],
  [self: string, heldPrefix: string, limit: number],
  [restored: number, holder?: string, wrongList?: string]
>({
  file: lua('restore-lease'),
  uses: [lua('message-tag'), lua('fence'), lua('mark-redelivered')],
  keys: ['holders', 'unackedIndex', 'unacked', 'unparsed', 'redeliveries', 'doorbell'],
  args: ['self', 'heldPrefix', 'limit'],
})

/** Returns one message of a peer that keeps no leases. */
export const RESTORE_TAG = defineScript<
  [unackedIndex: string, unacked: string, redeliveries: string, doorbell: string, ...lists: string[]],
  [tag: string | Buffer, value: Buffer, message: Buffer],
  0 | 1
>({
  file: lua('restore-tag'),
  uses: [lua('message-tag')],
  keys: ['unackedIndex', 'unacked', 'redeliveries', 'doorbell', 'lists…'],
  args: ['tag', 'value', 'message'],
})

/** Renews a lease. */
export const RENEW = defineScript<
  [holders: string, held: string, unackedIndex: string],
  [holder: string, leaseMs: number],
  number
>({
  file: lua('renew'),
  keys: ['holders', 'held', 'unackedIndex'],
  args: ['holder', 'leaseMs'],
})

/** Releases the lock under which kombu restores. */
export const RELEASE_MUTEX = defineScript<[mutex: string], [token: string], 0 | 1>({
  file: lua('release-mutex'),
  keys: ['mutex'],
  args: ['token'],
})
