import { describe, expect, it } from 'vitest'
import { coreOf } from '../app/core/index.js'
import { Lovage } from '../app/index.js'
import { silentLogger } from '../kernel/index.js'
import { crontab } from '../schedule/index.js'
import { codeEntries } from './code-entries.js'

const makeApp = (settings: ConstructorParameters<typeof Lovage>[1] = {}) =>
  new Lovage('shop', { env: {}, logger: silentLogger, broker: 'memory://', ...settings })

describe('the entries of the code', () => {
  it('have Celery’s own where old results do not go by themselves', () => {
    const entries = codeEntries(coreOf(makeApp()), { expiresItself: false })
    expect(entries.get('celery.backend_cleanup')).toMatchObject({
      task: 'celery.backend_cleanup',
      schedule: { kind: 'crontab', minute: '0', hour: '4', dayOfMonth: '*' },
      options: { expires: 43_200 },
    })
  })

  it('do not have it elsewhere', () => {
    expect(codeEntries(coreOf(makeApp()), { expiresItself: true }).size).toBe(0)
    expect(codeEntries(coreOf(makeApp({ resultExpires: 0 })), { expiresItself: false }).size).toBe(0)
    expect(codeEntries(coreOf(makeApp({ backend: 'disabled://' })), undefined).size).toBe(0)
  })

  it('may replace it by their own', () => {
    const app = makeApp({
      beatSchedule: { 'celery.backend_cleanup': { task: 'celery.backend_cleanup', schedule: 3600 } },
    })
    expect(
      codeEntries(coreOf(app), { expiresItself: false }).get('celery.backend_cleanup')?.schedule.kind,
    ).toBe('interval')
  })

  it('take Celery’s deadline for crontabs that say nothing else', () => {
    const hourly = { task: 't', schedule: crontab({ minute: 0 }) }
    const app = makeApp({
      beatCronStartingDeadline: 600,
      beatSchedule: { hourly, own: { ...hourly, missed: 'once' }, every: { task: 't', schedule: 60 } },
    })
    const entries = codeEntries(coreOf(app), undefined)
    expect(entries.get('hourly')).toMatchObject({ missed: 'skip', missedAfterMs: 600_000 })
    expect(entries.get('own')).toMatchObject({ missed: 'once', missedAfterMs: 30_000 })
    expect(entries.get('every')).toMatchObject({ missed: 'once', missedAfterMs: 30_000 })
  })

  it('need results to skip what overlaps', () => {
    const tick = { task: 't', schedule: 60, overlap: 'skip' as const }
    const needs = "overlap 'skip' needs the results of its task"
    expect(() =>
      codeEntries(coreOf(makeApp({ backend: 'disabled://', beatSchedule: { tick } })), undefined),
    ).toThrow(needs)
    const ignoring = makeApp({ beatSchedule: { tick } })
    ignoring.task({ name: 't', ignoreResult: true, run: () => {} })
    expect(() => codeEntries(coreOf(ignoring), undefined)).toThrow(needs)
    expect(codeEntries(coreOf(makeApp({ beatSchedule: { tick } })), undefined).size).toBe(1)
  })
})
