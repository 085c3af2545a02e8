import { defineScript } from '../client/index.js'

const lua = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url)
const ANNOUNCE = lua('announce')

type WrittenKeys = [entries: string, states: string, version: string, channel: string]
const WRITTEN_KEYS = ['entries', 'states', 'version', 'channel']

export const LOAD_SCHEDULE = defineScript<
  [entries: string, states: string],
  [],
  [entries: string[], states: string[]]
>({ file: lua('load-schedule'), keys: ['entries', 'states'], args: [] })

export const PUT_SCHEDULE = defineScript<WrittenKeys, (string | number)[], (0 | 1)[]>({
  file: lua('put-schedule'),
  uses: [ANNOUNCE],
  keys: WRITTEN_KEYS,
  args: ['puts…'],
})

export const DELETE_SCHEDULE = defineScript<WrittenKeys, (string | number)[], number>({
  file: lua('delete-schedule'),
  uses: [ANNOUNCE],
  keys: WRITTEN_KEYS,
  args: ['entries…'],
})

export const ADVANCE_SCHEDULE = defineScript<
  [states: string, fence: string],
  (string | number)[],
  (0 | 1)[] | null
>({ file: lua('advance-schedule'), keys: ['states', 'fence'], args: ['token', 'advances…'] })
