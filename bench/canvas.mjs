// Canvases side by side with Python Celery on one Redis: what a chord, a long chain and a large group take.
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const PYTHON = '/usr/bin/python3'
const hasPython = spawnSync(PYTHON, ['-c', 'import celery, redis']).status === 0
const SIZES = { chord: 10_000, chain: 1_000, group: 100_000 }

/** One round; `clear` empties the server. */
export async function measureCanvases({ url, clear, scale = 1 }) {
  const samples = []
  for (const [scenario, size] of Object.entries(SIZES)) {
    const count = Math.max(10, Math.round(size * scale))
    for (const peer of ['Lovage', ...(hasPython ? ['Celery (Python, prefork 2)'] : [])]) {
      clear()
      const worker = scenario === 'group' ? undefined : await startWorker(peer, url)
      try {
        const sample = { ...client(peer, scenario, url, count), peer, count }
        console.error('canvas', peer, scenario, count, `${sample.seconds.toFixed(2)} s`)
        samples.push(sample)
      } finally {
        await worker?.()
      }
    }
  }
  return samples
}

function client(peer, scenario, url, count) {
  const { status, stdout, stderr } =
    peer === 'Lovage'
      ? spawnSync(process.execPath, ['--expose-gc', 'canvas-child.mjs', scenario, url, `${count}`], options())
      : spawnSync(PYTHON, ['canvas.py', scenario, url, `${count}`], options())
  if (status !== 0) throw new Error(`${peer} ${scenario} failed: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

const options = () => ({ cwd: folder, encoding: 'utf8', timeout: 600_000 })

async function startWorker(peer, url) {
  const args = [
    '-A',
    'canvas_worker',
    'worker',
    '-c',
    '2',
    '-l',
    'ERROR',
    '--without-gossip',
    '--without-mingle',
  ]
  const child =
    peer === 'Lovage'
      ? spawn(process.execPath, ['canvas-child.mjs', 'worker', url], {
          cwd: folder,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
      : spawn(PYTHON, ['-m', 'celery', ...args], {
          cwd: folder,
          env: { ...process.env, BENCH_URL: url },
          stdio: 'ignore',
        })
  if (child.stdout) await new Promise((resolve) => child.stdout.once('data', resolve))
  return async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await gone
  }
}
