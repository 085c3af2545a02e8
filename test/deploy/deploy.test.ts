import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from 'lovage/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { Command } from '../cli/command.js'
import { freePort, run } from '../servers.js'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lovage-deploy-'))
afterAll(() => rmSync(folder, { recursive: true }))

const files = (place: string, ending: string): readonly string[] =>
  readdirSync(DEPLOY + place).filter((name) => name.endsWith(ending))
const text = (path: string): string => readFileSync(DEPLOY + path, 'utf8')
/** What a YAML file says; it is looked at field by field. */
const yaml = (path: string) =>
  parseAllDocuments(text(path)).map((document) => {
    expect(document.errors, path).toEqual([])
    return document.toJS() as Record<string, never>
  })

test('the files are those that their table makes', async () => {
  expect(await run('node', [`${DEPLOY}make/make.mjs`, '--check'])).toMatchObject({ code: 0, stdout: '' })
})

describe('units for systemd', () => {
  const units = files('systemd', '.service')

  test('are good, by systemd itself', async () => {
    // A root of its own, in which the programs and users that they name exist.
    const place = (path: string, content: string, mode = 0o644): void => {
      mkdirSync(dirname(folder + path), { recursive: true })
      writeFileSync(folder + path, content)
      chmodSync(folder + path, mode)
    }
    for (const program of ['/bin/kill', '/usr/bin/kill']) place(program, '#!/bin/sh\n', 0o755)
    for (const unit of units) {
      place(`/etc/systemd/system/${unit}`, text(`systemd/${unit}`))
      const [, program = ''] = /^ExecStart=(\S+)/m.exec(text(`systemd/${unit}`)) ?? []
      place(program, '#!/bin/sh\n', 0o755)
      const [, work = ''] = /^WorkingDirectory=(\S+)/m.exec(text(`systemd/${unit}`)) ?? []
      place(`${work}/README.md`, '')
    }
    place(
      '/etc/passwd',
      'root:x:0:0::/:/bin/sh\ncelery:x:998:998::/:/bin/false\nwww-data:x:33:33::/:/bin/false\n',
    )
    place('/etc/group', 'root:x:0:\ncelery:x:998:\nwww-data:x:33:\n')
    const checked = await run('systemd-analyze', [
      'verify',
      `--root=${folder}`,
      '--man=no',
      '--recursive-errors=no',
      ...units.map((unit) => `/etc/systemd/system/${unit}`),
    ])
    expect(checked.code, checked.stderr).toBe(0)
    expect(checked.stderr).toBe('')
  })

  test.each(units)(
    '%s runs as a user of its own, stops warm, keeps its log where logrotate looks',
    (unit) => {
      const lines = text(`systemd/${unit}`)
      expect(lines).toMatch(/^User=(celery|www-data)$/m)
      expect(lines).toMatch(/^KillMode=mixed$/m)
      expect(lines).toMatch(/^TimeoutStopSec=40$/m)
      expect(lines).toMatch(/^Type=exec$/m)
      expect(lines).toMatch(/--logfile=\/var\/log\/celery\/\S+\.log/)
      // A beat holds nothing.
      if (!unit.includes('beat')) expect(lines).toMatch(/^MemoryMax=\d+M$/m)
      expect(lines).toMatch(/^EnvironmentFile=\/etc\/celery\/\S+\.env$/m)
      expect(text('logrotate/celery')).toMatch(/^\/var\/log\/celery\/\*\.log/m)
    },
  )
})

test('users of the units have no shell: systemd makes them so', async () => {
  const root = join(folder, 'users')
  mkdirSync(join(root, 'etc'), { recursive: true })
  const made = await run('systemd-sysusers', [`--root=${root}`, `${DEPLOY}systemd/celery.sysusers.conf`])
  expect(made.code, made.stderr).toBe(0)
  expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(
    /^celery:.*:\/(usr\/)?s?bin\/(nologin|false)$/m,
  )
})

test('the container file packs every package of ours that a system needs, and names images in full', () => {
  const file = text('container/Containerfile')
  for (const [, image] of file.matchAll(/^FROM (\S+)/gm)) expect(image).toMatch(/^docker\.io\/library\//)
  for (const name of ['datacleanup', 'learning-time', 'monitoring', 'task-platform', 'webhook-delivery']) {
    const { dependencies } = JSON.parse(readFileSync(`${DEPLOY}../systems/${name}/package.json`, 'utf8')) as {
      dependencies: Record<string, string>
    }
    for (const own of Object.keys(dependencies).filter((each) => /^(lovage|@lovage\/\w+)$/.test(each))) {
      expect(file, name).toContain(`-w ${own} `)
      expect(file, name).toMatch(new RegExp(`${own}'?: /\\^${own.replace(/^@(\w+)\//, '$1-')}-`))
    }
    for (const [, image] of text(`compose/${name}.yml`).matchAll(/image: (\S+)/g))
      expect(image).toMatch(new RegExp(`^(docker\\.io/library/\\S+|${name}:latest)$`))
  }
})

test('compose files have health checks, windows to stop in, and no root', () => {
  for (const file of files('compose', '.yml')) {
    const [compose] = parseAllDocuments(text(`compose/${file}`), { merge: true }).map((document) => {
      expect(document.errors, file).toEqual([])
      return document.toJS() as { services: Record<string, Record<string, unknown>> }
    })
    const services = Object.entries(compose?.services ?? {})
    expect(services.length).toBeGreaterThan(3)
    for (const [name, service] of services) {
      expect(service.healthcheck, `${file} ${name}`).toBeDefined()
      expect(service.stop_grace_period, `${file} ${name}`).toMatch(/^\d+s$/)
      if (!name.startsWith('celery')) continue
      expect(service).toMatchObject({ read_only: true, user: '10001:10001', stop_grace_period: '40s' })
    }
  }
})

test('manifests for Kubernetes run as nobody in particular, are probed, have time to stop, and are scaled by what waits', () => {
  for (const file of files('kubernetes', '.yml')) {
    const documents = yaml(`kubernetes/${file}`) as unknown as {
      kind: string
      metadata: { name: string }
      spec: Record<string, never>
    }[]
    const deployments = documents.filter(({ kind }) => kind === 'Deployment')
    expect(deployments.length).toBeGreaterThan(1)
    for (const { metadata, spec } of deployments)
      expect(spec, metadata.name).toMatchObject({
        template: {
          spec: {
            terminationGracePeriodSeconds: 40,
            securityContext: { runAsNonRoot: true },
            containers: [{ securityContext: { readOnlyRootFilesystem: true } }],
          },
        },
      })
    const names = new Set(deployments.map(({ metadata }) => metadata.name))
    const scaled = documents.filter(({ kind }) => kind === 'ScaledObject') as unknown as {
      spec: { scaleTargetRef: { name: string } }
    }[]
    // All but the beat and the exporter.
    expect(scaled.length).toBe(deployments.length - 2)
    for (const { spec } of scaled) expect(names).toContain(spec.scaleTargetRef.name)
  }
})

test('services for Cloud Run answer on its port', () => {
  for (const file of files('cloud-run', '.yaml')) {
    const [service] = yaml(`cloud-run/${file}`)
    expect(JSON.stringify(service)).toContain('--metrics-port=\\"$PORT\\"')
    expect(service).toMatchObject({ kind: 'Service', apiVersion: 'serving.knative.dev/v1' })
  }
})

test('the command of a service for Cloud Run serves health on the port that it is told', {
  timeout: 180_000,
}, async () => {
  const [service] = yaml('cloud-run/monitoring-worker.yaml') as unknown as {
    spec: { template: { spec: { containers: { command: string[]; args: string[] }[] } } }
  }[]
  const [container] = service?.spec.template.spec.containers ?? []
  const [file = '', ...options] = container?.command ?? []
  // Where the container has them.
  const words = (container?.args ?? []).map((word) =>
    word.replace('/app/node_modules', fileURLToPath(new URL('../../node_modules', import.meta.url))),
  )
  const port = await freePort()
  await using worker = new Command(words, {
    cwd: fileURLToPath(new URL('../../systems/monitoring', import.meta.url)),
    program: [file, ...options],
    env: {
      PORT: String(port),
      NODE_ENV: 'production',
      CELERY_BROKER_URL: `sqlite://${join(folder, 'queue.db')}`,
      DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
    },
  })
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${port}/health/${path}`).then(
      ({ status }) => status,
      () => 0,
    )
  await until(async () => (await get('ready')) === 200, { timeoutMs: 150_000 })
  expect(await get('live')).toBe(200)
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
})

test('environment files hold no secret', () => {
  for (const file of files('env', '.example'))
    for (const line of text(`env/${file}`)
      .split('\n')
      .filter((each) => /^\w*(KEY|SECRET|PASSWORD|TOKEN)\w*=/.test(each)))
      expect(line, file).toMatch(/=(CHANGE_ME|\/\S+)?$/)
})

test('the rules of each system are valid, and fire at what the documents say', async () => {
  const cwd = `${DEPLOY}prometheus`
  const rules = ['learning-time', 'webhook-delivery', 'datacleanup', 'task-platform', 'monitoring'].map(
    (name) => `${name}.yml`,
  )
  const checked = await run('promtool', ['check', 'rules', ...rules], { cwd })
  expect(checked.code, checked.stderr).toBe(0)
  const tested = await run('promtool', ['test', 'rules', 'systems_test.yml'], { cwd })
  expect(tested.code, tested.stdout + tested.stderr).toBe(0)
})

test('boards ask for metrics that exist', () => {
  for (const file of files('grafana', '.json')) {
    const board = JSON.parse(text(`grafana/${file}`)) as { panels: unknown[]; uid: string }
    expect(board.panels.length, file).toBeGreaterThan(5)
    for (const [metric] of text(`grafana/${file}`).matchAll(
      /\b(celery|webhook|snowflake|learning)_\w+(?=[{[])/g,
    ))
      expect(metric, file).toMatch(
        /^(celery_(queue_length|queue_delayed|active_tasks|task_(total|duration_seconds_bucket|retries_total)|dead_letter_queue_size|circuit_breaker_state|\w+)|webhook_(enrichment_total|attempts_total|delivery_duration_seconds_bucket|deliveries|oldest_pending_seconds|endpoint_circuit_state|endpoints_disabled|notices_total)|snowflake_query_duration_seconds_bucket|learning_time_cache_total)$/,
      )
  }
})
