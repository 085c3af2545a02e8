import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../kernel/index.js'
import { coreOf } from '../core/index.js'
import { Lovage } from '../index.js'
import { settingsFrom, settingsFromEnvironment } from './index.js'

const app = (options: object, env: NodeJS.ProcessEnv = {}): Lovage =>
  new Lovage('t', { logger: silentLogger, env, ...options })

describe('settings', () => {
  test('are read in every spelling that Celery’s users write', () => {
    const routes = { 'a.b': { queue: 'q' } }
    expect(settingsFrom({ CELERY_TASK_ROUTES: routes, CELERY_ACKS: 1 && undefined }, 'CELERY')).toEqual({
      taskRoutes: routes,
    })
    expect(settingsFrom({ task_routes: routes })).toEqual({ taskRoutes: routes })
    expect(settingsFrom({ taskRoutes: routes })).toEqual({ taskRoutes: routes })
    expect(
      app({}).configFromObject({ CELERY_TASK_ROUTES: routes, DEBUG: true }, { namespace: 'CELERY' }).conf
        .taskRoutes,
    ).toEqual(routes)
  })
  test('are read under the names of Django’s habit and of Celery before 4.0', () => {
    const django = {
      DEBUG: true,
      CELERY_BROKER_URL: 'memory://',
      CELERY_WORKER_CONCURRENCY: '3',
      CELERY_TASK_ACKS_LATE: 'false',
      CELERY_APP: 'proj',
    }
    expect(settingsFrom(django, 'CELERY')).toEqual({
      brokerUrl: 'memory://',
      workerConcurrency: 3,
      taskAcksLate: false,
    })
    expect(settingsFrom({ celeryTimezone: 'Asia/Tokyo', timezone: 'UTC' }, 'celery')).toEqual({
      timezone: 'Asia/Tokyo',
    })
    expect(settingsFrom({ SHOP_TASK_ROUTES: {}, CELERY_TIMEZONE: 'UTC' }, 'SHOP')).toEqual({ taskRoutes: {} })
    expect(
      settingsFrom({
        CELERY_TIMEZONE: 'Europe/Zurich',
        CELERY_ROUTES: {},
        CELERYD_CONCURRENCY: 4,
        CELERYD_TASK_TIME_LIMIT: 5,
        CELERYBEAT_SCHEDULE: {},
        CELERY_TASK_RESULT_EXPIRES: 60,
        BROKER_URL: 'memory://',
      }),
    ).toEqual({
      timezone: 'Europe/Zurich',
      taskRoutes: {},
      workerConcurrency: 4,
      taskTimeLimit: 5,
      beatSchedule: {},
      resultExpires: 60,
      brokerUrl: 'memory://',
    })
    expect(() => settingsFrom({ CELERY_TASK_ROUTEZ: {} }, 'CELERY')).toThrow(
      /CELERY_TASK_ROUTEZ is not known; did you mean taskRoutes/,
    )
  })
  test('that are assigned are an error that says where they belong', () => {
    const conf = app({}).conf as { taskAlwaysEager: boolean; update?: (more: object) => void }
    expect(() => {
      conf.taskAlwaysEager = true
    }).toThrow(/app\.conf is read/)
    expect(() => conf.update?.({ taskAlwaysEager: true })).toThrow(/app\.conf is read/)
    expect({ ...conf }).toMatchObject({ taskAlwaysEager: false, taskDefaultQueue: 'celery' })
  })
  test('that are misspelt are an error that names the nearest', () => {
    expect(() => app({ taskAckLate: true })).toThrow(/taskAckLate is not known; did you mean taskAcksLate/)
    expect(() => settingsFrom({ zzzzzz: 1 })).toThrow(/^Setting zzzzzz is not known\.$/)
  })
  test('of the wrong kind are an error that says what is expected', () => {
    expect(() => app({ taskTimeLimit: 'soon' })).toThrow(
      /taskTimeLimit expects a number of seconds, 0 or more, not "soon"/,
    )
    expect(() => app({}, { CELERY_TASK_ACKS_LATE: 'perhaps' })).toThrow(
      /CELERY_TASK_ACKS_LATE expects true or false/,
    )
    expect(() => app({ workerPool: 'fork' })).toThrow(/one of auto, async, prefork/)
  })
  test.each([
    [
      'workerConcurrency',
      [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '4', true],
      'a whole number, 1 or more',
    ],
    ['workerMetricsPort', [-1, 65_536, 1.5], 'a whole number from 0 to 65535'],
    ['taskDefaultPriority', [-1, 11, 2.5], 'a whole number from 0 to 9'],
    ['taskTimeLimit', [-1, Number.NaN, Number.POSITIVE_INFINITY], 'a number of seconds, 0 or more'],
    ['brokerLease', [0, -1], 'a number of seconds above 0'],
    ['taskDefaultRateLimit', ['10/x', -1, 'ten'], 'a rate such as 10/s'],
    ['taskAcksLate', ['yes', 2], 'true or false'],
    ['workerPool', ['fork', 1], 'one of auto'],
    ['timezone', ['Mars/Olympus'], 'the IANA name'],
  ] as const)(
    '%s obeys one rule in code, in a configuration file and in the environment',
    (name, values, rule) => {
      const variable = `CELERY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
      for (const value of values) {
        const given = { [name]: value }
        const refused = (of: () => unknown): string => {
          try {
            return `${name} accepted ${String(of())}`
          } catch (error) {
            return String(error)
          }
        }
        expect(refused(() => app(given))).toContain(`Setting ${name} expects ${rule}`)
        expect(refused(() => settingsFrom(given, undefined, '--config s.ts'))).toContain(
          `--config s.ts: Setting ${name} expects ${rule}`,
        )
        // There, all is text.
        const parsed = typeof value === 'boolean' || value === '4' || value === 'yes'
        if (!parsed)
          expect(refused(() => app({}, { [variable]: String(value) }))).toContain(
            `Environment variable ${variable} expects ${rule}`,
          )
      }
    },
  )
  test('that are refused say what to do, and show a text only if it is short', () => {
    expect(() => app({ resultExpires: -1 })).toThrow(
      expect.objectContaining({ hint: 'Correct it, or leave it out for the default, 86400.' }),
    )
    expect(() => app({}, { CELERY_WORKER_CONCURRENCY: '1.5' })).toThrow(/whole number, 1 or more, not "1.5"/)
    expect(() => app({}, { CELERY_WORKER_CONCURRENCY: 'redis://:secret@host' })).toThrow(
      /whole number, 1 or more \(setting/,
    )
  })
  test('in code win over the command line, that over the environment, that over the defaults', () => {
    const env = {
      CELERY_TASK_DEFAULT_QUEUE: 'env',
      CELERY_WORKER_CONCURRENCY: '7',
      CELERY_RESULT_EXPIRES: '60',
    }
    const core = coreOf(app({ taskDefaultQueue: 'code' }, env))
    core.configure('commandLine', { taskDefaultQueue: 'line', workerConcurrency: 9 })
    const { conf } = core
    expect([conf.taskDefaultQueue, conf.workerConcurrency, conf.resultExpires, conf.resultExtended]).toEqual([
      'code',
      9,
      60,
      false,
    ])
  })
  test('find the broker in CELERY_BROKER_URL, REDIS_URL or REDIS_HOST, in this order', () => {
    const redis = { REDIS_HOST: 'psra-redis', REDIS_PORT: '6380', REDIS_DB: '2' }
    expect(settingsFromEnvironment(redis).settings.brokerUrl).toBe('redis://psra-redis:6380/2')
    expect(settingsFromEnvironment({ ...redis, REDIS_URL: 'redis://u' }).settings.brokerUrl).toBe('redis://u')
    expect(
      settingsFromEnvironment({ ...redis, REDIS_URL: 'redis://u', CELERY_BROKER_URL: 'redis://c' }).settings
        .brokerUrl,
    ).toBe('redis://c')
  })
  test('drop SQLAlchemy’s driver suffix, and use DATABASE_URL only where asked', () => {
    const DATABASE_URL = 'postgresql+asyncpg://u:p@h/d'
    expect(
      settingsFromEnvironment({ CELERY_RESULT_BACKEND: `db+${DATABASE_URL}` }).settings.resultBackend,
    ).toBe('db+postgresql://u:p@h/d')
    expect(
      settingsFromEnvironment({ CELERY_RESULT_BACKEND: 'db+env', DATABASE_URL }).settings.resultBackend,
    ).toBe('db+postgresql://u:p@h/d')
    expect(settingsFromEnvironment({ DATABASE_URL }).settings.resultBackend).toBeUndefined()
    expect(() => settingsFromEnvironment({ CELERY_RESULT_BACKEND: 'db+env' })).toThrow(
      /DATABASE_URL is not set/,
    )
  })
  test('warn once of what is known and does nothing here, and of unknown variables', () => {
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (_: object, line: string) => void warnings.push(line) }
    const env = { CELERY_TASK_ROUTE: '{}', CELERY_APP: 'x', CELERY_ENABLE_UTC: 'true' }
    app({ taskProtocol: 2, logger }, env)
    expect(warnings).toEqual([
      'Environment variable CELERY_TASK_ROUTE does not match any setting; did you mean taskRoutes?',
      'Setting enableUtc has no effect here: times are always UTC on the wire.',
      'Setting taskProtocol has no effect here: protocol 2 is written, 1 and 2 are read.',
    ])
  })
  test('that name no broker mean the embedded file, but never in production', () => {
    expect(coreOf(app({})).brokerUrl).toMatch(/^sqlite:\/\/.*\/\.lovage\/queue\.db$/)
    expect(() => coreOf(app({}, { NODE_ENV: 'production' })).brokerUrl).toThrow(/No broker is configured/)
  })
})
