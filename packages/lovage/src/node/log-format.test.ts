import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { textRenderer, withErrorSaid } from './log-format.js'
import { openLog } from './log-output.js'

const TIME = new Date(2030, 0, 2, 3, 4, 5, 6)
const LINE = {
  level: 'warn',
  time: TIME.toISOString(),
  msg: 'the sentence',
  task_id: 'an-id',
  task_name: 'a.b',
}
const text = (format: string, line: object = LINE): string => textRenderer({ all: format })({ ...line })

describe('a log line in a format of Python’s', () => {
  test('is what Celery’s default makes of it', () => {
    expect(text('[%(asctime)s: %(levelname)s/%(processName)s] %(message)s')).toBe(
      '[2030-01-02 03:04:05,006: WARNING/MainProcess] the sentence\n',
    )
  })
  test('has widths, precisions and percent signs', () => {
    expect(text('%(levelname)-9s|%(task_id).2s|%(levelno)04d|100 %%')).toBe('WARNING  |an|0030|100 %\n')
    expect(text('%(task_name)s %(task_id)s', { level: 'info', msg: '' })).toBe('??? ???\n')
  })
  test('shows fields that the sentence does not say, and tracebacks below', () => {
    expect(text('%(message)s', { ...LINE, shelf: 3, who: 'me', traceback: 'Error: no\n  at x\n' })).toBe(
      'the sentence shelf=3 who=me\nError: no\n  at x\n',
    )
    expect(text('%(message)s', { ...LINE, err: { message: 'no', stack: 'Error: no' } })).toBe(
      'the sentence\nError: no\n',
    )
  })
  test('of a task may be another', () => {
    const render = textRenderer({ all: '%(message)s', task: '%(task_id)s %(message)s' })
    expect([render(LINE), render({ level: 'info', msg: 'hello' })]).toEqual([
      'an-id the sentence\n',
      'hello\n',
    ])
  })
  test.each([
    ['%(nothing)s', /not one of %\(asctime\)s/],
    ['%(message)', /stray %/],
    ['pritty', /contains no field/],
    ['', /contains no field/],
  ])('is refused where the format is %j', (format, why) => {
    expect(() => text(format)).toThrow(why)
  })
})

test('what a server that is away says stands in the sentence, once, and not in a block below', () => {
  const err = { type: 'ConnectionError', message: 'it is gone', hint: 'Look there.' }
  expect(withErrorSaid({ msg: 'lost', err })).toEqual({ msg: 'lost: it is gone (Look there.)' })
  expect(withErrorSaid({ msg: 'lost: it is gone', err })).toEqual({ msg: 'lost: it is gone (Look there.)' })
  const ours = { msg: 'failed', err: { message: 'no', stack: 'Error: no' } }
  expect(withErrorSaid(ours)).toBe(ours)
})

describe('the log', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lovage-log-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('changes how lines look while it is open, also for loggers that were made before', async () => {
    const file = join(folder, 'log')
    const log = await openLog({ level: 'info', file })
    const child = log.logger.child({ task_id: 'an-id' })
    child.info({}, 'as JSON')
    await log.use({ format: '%(levelname)s %(message)s', taskFormat: '%(task_id)s %(message)s' })
    child.info({}, 'as text')
    log.logger.error({ err: new RangeError('too far') }, 'failed')
    await log.use({ format: 'pretty' })
    expect(log.format).toBe('pretty')
    log.logger.info({}, 'for people')
    const [json = '', ...lines] = readFileSync(file, 'utf8').split('\n')
    expect(JSON.parse(json)).toMatchObject({ level: 'info', task_id: 'an-id', msg: 'as JSON' })
    expect(lines.slice(0, 3)).toEqual(['an-id as text', 'ERROR failed', 'RangeError: too far'])
    expect(lines.join('\n')).toMatch(/\[\d\d:\d\d:\d\d\.\d{3}\] INFO: for people\n$/)
  })

  test('follows a file that was moved away, whatever lines look like', async () => {
    const file = join(folder, 'log')
    const log = await openLog({ level: 'info', file, format: '%(message)s' })
    log.logger.info({}, 'before')
    renameSync(file, `${file}.1`)
    expect(log.reopen()).toBe(true)
    log.logger.info({}, 'after')
    expect([readFileSync(`${file}.1`, 'utf8'), readFileSync(file, 'utf8')]).toEqual(['before\n', 'after\n'])
  })
})
