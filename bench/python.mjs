// Python Celery as a peer: its producer, and its worker (prefork, two children, late ack) measured from outside.
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const PYTHON = '/usr/bin/python3'
const isThere = spawnSync(PYTHON, ['-c', 'import celery, redis']).status === 0
const PEER = 'Celery (Python, prefork 2)'

/** `left` resolves to how many tasks wait. */
export async function measurePython({ scenario, url, left, count }) {
  if (!isThere || scenario === 'latency') return undefined
  const published = spawnSync(PYTHON, ['python.py', 'publish', url, String(count)], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (published.status !== 0) throw new Error(published.stderr)
  if (scenario === 'publish') return { ...JSON.parse(published.stdout), peer: PEER }
  const env = { ...process.env, BENCH_URL: url, BENCH_RESULTS: scenario === 'results' ? '1' : '0' }
  const worker = spawn(
    PYTHON,
    [
      '-m',
      'celery',
      '-A',
      'python_worker',
      'worker',
      '-c',
      '2',
      '-l',
      'ERROR',
      '--without-gossip',
      '--without-mingle',
      '--without-heartbeat',
    ],
    { cwd: folder, env, stdio: 'ignore' },
  )
  // The first tenth warms it up.
  const reached = async (limit) => {
    while ((await left()) > limit) await new Promise((resolve) => setTimeout(resolve, 10))
    return performance.now()
  }
  const start = await reached(count)
  const end = await reached(0)
  worker.kill('SIGTERM')
  await new Promise((resolve) => worker.once('exit', resolve))
  return { peer: PEER, scenario, perSecond: count / ((end - start) / 1000) }
}
