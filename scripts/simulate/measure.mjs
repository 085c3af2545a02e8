import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url)
const LOVAGE = new URL('packages/lovage/dist/index.js', ROOT)
const MAIN = new URL('packages/lovage/dist/cli/main.js', ROOT)
const TASKS = 3000

/** What a real worker costs here: seconds from its start to its first task, and of its processor for a task that does nothing. */
export async function measureWorker() {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-simulate-'))
  const { Lovage } = await import(LOVAGE.href)
  const broker = `sqlite://${folder}/queue.db`
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(folder, 'app.js'),
    `import { Lovage } from ${JSON.stringify(LOVAGE.href)}
export const app = new Lovage('simulate', { broker: ${JSON.stringify(broker)} })
app.task({ name: 'noop', ignoreResult: true, run: () => null })
app.task({ name: 'time', run: () => ({ ms: Date.now(), cpuS: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 }) })`,
  )
  const app = new Lovage('simulate', { broker, env: {} })
  const worker = spawn(process.execPath, [fileURLToPath(MAIN), '-A', 'app', 'worker', '-c', '100'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: 'ignore',
  })
  const begunMs = Date.now()
  const ended = new Promise((resolve) => worker.once('close', resolve))
  try {
    const first = await (await app.sendTask('time')).get({ timeout: 60 })
    const noops = await Promise.all(
      Array.from({ length: TASKS }, () => app.sendTask('noop', { ignoreResult: true })),
    )
    // Behind them all, with the lowest priority.
    const last = await (await app.sendTask('time', { priority: 0 })).get({ timeout: 120 })
    return { startS: (first.ms - begunMs) / 1000, taskS: (last.cpuS - first.cpuS) / noops.length }
  } finally {
    worker.kill('SIGTERM')
    await ended
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The policy that workers and the exporter use. */
export async function loadPolicy() {
  const { createJiti } = await import('jiti')
  const source = new URL('packages/lovage/src/health/scale-policy.ts', ROOT)
  return (await createJiti(import.meta.url).import(fileURLToPath(source))).desiredReplicas
}
