import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Exporter } from '../../packages/lovage/src/node/index.js'
import { freePort, type RedisServer, run, startRedis } from '../servers.js'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))

test('the shipped rules are valid and fire when they say, by promtool', async () => {
  const cwd = `${DEPLOY}prometheus`
  expect(
    await run('promtool', ['check', 'rules', 'prometheus_alerts.yml', 'recording_rules.yml'], { cwd }),
  ).toMatchObject({ code: 0 })
  const tested = await run('promtool', ['test', 'rules', 'rules_test.yml'], { cwd })
  expect(tested.code, tested.stdout + tested.stderr).toBe(0)
})

describe('what a running fleet serves', () => {
  let redis: RedisServer
  let served: ReadonlyMap<string, ReadonlySet<string>>
  beforeAll(async () => {
    redis = await startRedis()
    const options = { broker: redis.url, backend: redis.url, workerMetricsPort: await freePort() }
    await using app = createTestApp('fleet', options)
    const flaky = app.task({
      name: 'flaky',
      autoretryFor: [RangeError],
      maxRetries: 1,
      defaultRetryDelay: 0,
      circuitBreaker: true,
      run: (ctx): number => {
        if (ctx.retries === 0) throw new RangeError('once')
        return 1
      },
    })
    await using _worker = await startTestWorker(app)
    const exporter = await Exporter.start(coreOf(app), { port: 0 })
    try {
      expect(await (await flaky.delay()).get({ timeout: 20 })).toBe(1)
      const scrapes = [options.workerMetricsPort, exporter.port].map(async (port) =>
        (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
      )
      served = labelsByMetric((await Promise.all(scrapes)).join('\n'))
    } finally {
      await exporter.stop()
    }
  }, 60_000)
  afterAll(() => redis?.stop())

  test.each([
    ['the dashboard', 'grafana/lovage.json', (text: string) => text.match(/"expr": "(?:[^"\\]|\\.)*"/g)],
    ['the alerts', 'prometheus/prometheus_alerts.yml', expressions],
    ['the recording rules', 'prometheus/recording_rules.yml', expressions],
  ])('has every metric and label that %s ask for', (_what, file, expressionsOf) => {
    const recorded = readFileSync(`${DEPLOY}prometheus/recording_rules.yml`, 'utf8').match(
      /(?<=record: )\S+/g,
    )
    const found = expressionsOf(readFileSync(`${DEPLOY}${file}`, 'utf8')) ?? []
    expect(found.length).toBeGreaterThan(3)
    for (const expression of found) {
      const names = expression.match(/[a-z_:]*(?:celery|flower)_[a-z_:0-9]+/g) ?? []
      const ofRules = names.filter((name) => recorded?.includes(name))
      const metrics = names.filter((name) => !ofRules.includes(name))
      if (expression.includes('up{job=')) continue
      expect(names.length, expression).toBeGreaterThan(0)
      for (const name of metrics) expect([...served.keys()], expression).toContain(name)
      const labels = [...expression.matchAll(/(?:by|on) \(([^)]+)\)/g)].flatMap(([, list = '']) =>
        list.split(', '),
      )
      // Prometheus itself says which instance was scraped.
      for (const label of labels)
        if (metrics.length > 0 && label !== 'instance')
          for (const name of metrics)
            expect([...(served.get(name) ?? [])], `${name} in ${expression}`).toContain(label)
    }
  })
})

/** The expressions of rules, each in one line or folded below `expr: >`. */
const expressions = (yaml: string): readonly string[] | null =>
  yaml.match(/(?<=expr: )(?:>\n(?: {10,}.*\n)+|.*)/g)

/** The labels that each metric has in Prometheus' text. */
function labelsByMetric(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const metrics = new Map<string, Set<string>>()
  for (const [, name = '', labels = ''] of text.matchAll(/^([a-z_:0-9]+)(?:\{(.*)\})? /gim)) {
    const known = metrics.get(name) ?? new Set()
    metrics.set(name, known)
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
  }
  return metrics
}
