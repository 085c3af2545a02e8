import { defineScript } from '../client/index.js'

const lua = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url)
const CLOCK = lua('clock')
const MARK = lua('mark')

export const ACQUIRE = defineScript<
  [lease: string, lastToken: string],
  [holder: string, ttlMs: number],
  [token: string, expiresMs: string] | null
>({ file: lua('acquire'), uses: [CLOCK], keys: ['lease', 'lastToken'], args: ['holder', 'ttlMs'] })

export const RELEASE = defineScript<[lease: string], [token: string], 0 | 1>({
  file: lua('release'),
  keys: ['lease'],
  args: ['token'],
})

export const TAKE_TURNS = defineScript<string[], number[], string[]>({
  file: lua('take-turns'),
  uses: [CLOCK],
  keys: ['rates…'],
  args: ['rates…'],
})

export const TRY_TURNS = defineScript<string[], number[], string[]>({
  file: lua('try-turns'),
  uses: [CLOCK],
  keys: ['rates…'],
  args: ['groups…'],
})

export const ENTER = defineScript<string[], (string | number)[], (0 | 1)[]>({
  file: lua('enter'),
  uses: [CLOCK],
  keys: ['slots…'],
  args: ['slots…'],
})

type MarkKeys = [marks: string, ends: string, version: string, channel: string]

export const PUT_MARKS = defineScript<MarkKeys, (string | number)[], string[]>({
  file: lua('put-marks'),
  uses: [CLOCK, MARK],
  keys: ['marks', 'ends', 'version', 'channel'],
  args: ['ifAbsent', 'marks…'],
})

export const REPLACE_MARKS = defineScript<MarkKeys, (string | number)[], (0 | 1)[]>({
  file: lua('replace-marks'),
  uses: [CLOCK, MARK],
  keys: ['marks', 'ends', 'version', 'channel'],
  args: ['marks…'],
})

export const LIST_MARKS = defineScript<[marks: string], string[], string[]>({
  file: lua('list-marks'),
  uses: [CLOCK, MARK],
  keys: ['marks'],
  args: ['keys…'],
})

export const REMOVE_MARKS = defineScript<MarkKeys, (string | number)[], number>({
  file: lua('remove-marks'),
  uses: [CLOCK, MARK],
  keys: ['marks', 'ends', 'version', 'channel'],
  args: ['marks…'],
})
