import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { freePort, run } from '../servers.js'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))
/** A manifest; it is looked at field by field. */
type Document = { readonly kind: string; readonly spec: Record<string, never> }
const documents = (path: string): readonly Document[] =>
  parseAllDocuments(readFileSync(DEPLOY + path, 'utf8')).map((one) => {
    expect(one.errors, path).toEqual([])
    return one.toJS() as Document
  })
const below = (folder: string): readonly string[] =>
  readdirSync(DEPLOY + folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => `${folder}/${name}`)

test('every autoscaler reads the replicas from a Service that is there, and none reads an error as 0', () => {
  for (const file of below('kubernetes')) {
    const all = documents(file) as unknown as { kind: string; metadata: { name: string }; spec: never }[]
    const services = all.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name)
    const scaled = all.filter(({ kind }) => kind === 'ScaledObject')
    expect(scaled.length, file).toBeGreaterThan(0)
    for (const { spec } of scaled as unknown as {
      spec: { triggers: { type: string; metadata: Record<string, string> }[] }
    }[])
      for (const { type, metadata } of spec.triggers) {
        expect({ type, ...metadata }).toMatchObject({
          type: 'metrics-api',
          valueLocation: 'desired',
          targetValue: '1',
        })
        const url = new URL(metadata.url ?? '')
        expect(services).toContain(url.hostname)
        expect(url.pathname).toMatch(/^\/scale\/./)
        expect(Number(url.searchParams.get('slots'))).toBeGreaterThan(0)
      }
  }
  for (const file of [...below('kubernetes'), ...below('scaling')])
    for (const line of readFileSync(DEPLOY + file, 'utf8').split('\n'))
      if (!line.trimStart().startsWith('#')) expect(line, file).not.toContain('vector(0)')
})

test('a pod has more time to stop than its worker takes', () => {
  const [job] = documents('scaling/keda-job.yml') as unknown as [
    {
      spec: {
        jobTargetRef: {
          template: {
            spec: {
              terminationGracePeriodSeconds: number
              containers: [{ env: { name: string; value: string }[] }]
            }
          }
        }
      }
    },
  ]
  const { terminationGracePeriodSeconds, containers } = job.spec.jobTargetRef.template.spec
  const limit = containers[0].env.find(({ name }) => name === 'CELERY_WORKER_SHUTDOWN_TIMEOUT')?.value
  expect(terminationGracePeriodSeconds).toBeGreaterThan(Number(limit))
})

test('the workers of jobs know their options', { timeout: 60_000 }, async () => {
  using project = makeProject({
    'package.json': '{"name":"shop","type":"module"}',
    'dist/app.js': "import { Lovage } from 'lovage'\nexport const app = new Lovage('shop')",
  })
  for (const file of ['keda-job.yml', 'cloud-run-job.yaml']) {
    const args = JSON.parse(
      /args: (\["-A".*\])/.exec(readFileSync(`${DEPLOY}scaling/${file}`, 'utf8'))?.[1] ?? '',
    ) as string[]
    await using worker = new Command([...args, '-l', 'info'], { cwd: project.folder })
    await worker.says(/ ready/)
  }
})

test('the cost of deleting a pod is what its worker runs, and stays as it was when that does not answer', {
  timeout: 60_000,
}, async () => {
  const cronJob = documents('scaling/deletion-cost.yml').find(
    ({ kind }) => kind === 'CronJob',
  ) as unknown as {
    spec: { jobTemplate: { spec: { template: { spec: { containers: [{ args: [string] }] } } } } }
  }
  const [script] = cronJob.spec.jobTemplate.spec.template.spec.containers[0].args
  const port = await freePort()
  await using app = createTestApp('pod', { workerMetricsPort: port })
  app.task({ name: 'wait', run: () => new Promise(() => {}) })
  const worker = await startTestWorker(app)
  const folder = mkdtempSync(`${tmpdir()}/lovage-kubectl-`)
  try {
    for (let each = 0; each < 3; each++) await app.sendTask('wait')
    await until(() => worker.active.length === 3)
    // Stands for the API server: two pods, of which one does not answer.
    writeFileSync(
      `${folder}/kubectl`,
      `#!/bin/sh
case "$*" in
  *"get pods"*) echo "shop-worker-a shop-worker-b" ;;
  *shop-worker-a:9540/proxy/busy*) node -e 'fetch("http://127.0.0.1:${port}/busy").then((r) => r.text()).then((t) => process.stdout.write(t))' ;;
  *proxy*) exit 1 ;;
  *) echo "$*" >> ${folder}/annotated ;;
esac
`,
    )
    chmodSync(`${folder}/kubectl`, 0o755)
    const env = { PATH: `${folder}:${process.env.PATH}`, WORKERS: 'app=shop', NAMESPACE: 'default' }
    await run('/bin/sh', ['-c', script], { env })
    expect(readFileSync(`${folder}/annotated`, 'utf8')).toBe(
      'annotate pod shop-worker-a --overwrite controller.kubernetes.io/pod-deletion-cost=3\n',
    )
  } finally {
    await worker.stop('cold')
    rmSync(folder, { recursive: true })
  }
})
