/**
 * `npm run simulate -- --nodes 1000`: a fleet of whole workers without tasks, hundreds in a process, on one Redis of its own: what starting,
 * idling, being listened to, being asked and stopping costs the server. `--nodes 100,300,1000` shows what grows faster than the fleet.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { withRedis } from '../../bench/redis-server.mjs'
import { Lovage } from '../../packages/lovage/dist/index.js'

const CHILD = fileURLToPath(new URL('./nodes-child.mjs', import.meta.url))
const MOST_IN_A_PROCESS = 100

/** The server's own counts. */
async function counts(redis) {
  const text = await redis.info('all')
  const field = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1] ?? 0)
  return {
    atMs: performance.now(),
    commands: field('total_commands_processed'),
    inBytes: field('total_net_input_bytes'),
    outBytes: field('total_net_output_bytes'),
    cpuS: field('used_cpu_user') + field('used_cpu_sys'),
    clients: field('connected_clients'),
    memory: field('used_memory'),
    calls: new Map(
      [...text.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)].map(([, name, n]) => [name, Number(n)]),
    ),
  }
}

/** One phase: what the server did while it lasted. */
async function phase(redis, work) {
  const before = await counts(redis)
  const value = await work()
  const after = await counts(redis)
  const seconds = (after.atMs - before.atMs) / 1000
  const calls = [...after.calls]
    .map(([name, n]) => [name, n - (before.calls.get(name) ?? 0)])
    .filter(([name, n]) => n > 0 && name !== 'info')
    .sort((a, b) => b[1] - a[1])
    .slice(0, 5)
  return {
    value,
    seconds,
    commands: after.commands - before.commands,
    outBytes: after.outBytes - before.outBytes,
    inBytes: after.inBytes - before.inBytes,
    cpuS: after.cpuS - before.cpuS,
    clients: after.clients,
    memory: after.memory,
    calls,
  }
}

async function told(child, message) {
  const died = once(child, 'exit').then(() => {
    throw new Error('a process of nodes has died')
  })
  died.catch(() => {})
  const answer = once(child, 'message')
  child.send(message)
  const [said] = await Promise.race([answer, died])
  return said
}

/** Starts them as many at a time as there are processors: more would only wait for each other, and for the server. */
async function startAll(children, messageOf) {
  const left = [...children.entries()]
  const lane = async () => {
    for (let next = left.shift(); next; next = left.shift()) await told(next[1], messageOf(next[0]))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
}

/** The phases of a fleet of this size. */
export async function simulateNodes(nodes, idleMs) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-nodes-'))
  let result
  await withRedis(folder, async (url) => {
    result = await onRedis(url, nodes, idleMs)
  })
  rmSync(folder, { recursive: true, force: true })
  return result
}

async function onRedis(url, nodes, idleMs) {
  const redis = new Redis(url)
  const processes = Math.max(1, Math.min(nodes, Math.ceil(nodes / MOST_IN_A_PROCESS)))
  const share = Math.ceil(nodes / processes)
  const children = Array.from({ length: processes }, () => fork(CHILD))
  const app = new Lovage('nodes', { broker: url, backend: 'disabled://', env: {} })
  try {
    const rows = new Map()
    rows.set(
      'start',
      await phase(redis, () =>
        startAll(children, (index) => ({
          kind: 'start',
          url,
          from: index * share,
          count: Math.min(share, nodes - index * share),
        })),
      ),
    )
    rows.set('idle', await phase(redis, () => sleep(idleMs)))
    const listening = new AbortController()
    let heard = 0
    const events = (async () => {
      try {
        for await (const _ of app.events({ signal: listening.signal })) heard++
      } catch (error) {
        if (!listening.signal.aborted) throw error
      }
    })()
    rows.set('one listener', await phase(redis, () => sleep(idleMs)))
    listening.abort()
    await events
    const pinged = await phase(redis, async () => {
      const startMs = performance.now()
      const answers = await app.control.ping({ timeout: 10, limit: nodes })
      return { answers: Object.keys(answers).length, ms: performance.now() - startMs }
    })
    rows.set('one ping of all', pinged)
    const cpu = await Promise.all(children.map((child) => told(child, { kind: 'cpu' })))
    rows.set(
      'stop',
      await phase(redis, async () => {
        await Promise.all(
          children.map(async (child) => {
            const ended = once(child, 'exit')
            child.send({ kind: 'stop' })
            await ended
          }),
        )
      }),
    )
    return {
      nodes,
      heard,
      ...pinged.value,
      clientCpuS: cpu.reduce((sum, { seconds }) => sum + seconds, 0),
      clientBytes: cpu.reduce((sum, { bytes }) => sum + bytes, 0),
      rows,
    }
  } finally {
    await app.close()
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    redis.disconnect()
  }
}

/** A table of phases. */
export function printedNodes(results) {
  const lines = []
  for (const { nodes, heard, answers, ms, rows, clientCpuS, clientBytes } of results) {
    const { clients, memory } = rows.get('idle')
    lines.push(
      '',
      `${nodes} nodes: ${clients} connections, ${(memory / 1e6).toFixed(1)} MB in Redis; a listener heard ${heard} events; ${answers} answered a ping in ${ms.toFixed(0)} ms; their processes used ${clientCpuS.toFixed(0)} s of processor and ${(clientBytes / 1e6).toFixed(0)} MB`,
      `  ${'phase'.padEnd(18)}${['seconds', 'commands', 'a node', 'cmd/s', 'out kB/s', 'CPU s', 'CPU %'].map((one) => one.padStart(10)).join('')}`,
    )
    for (const [name, row] of rows) {
      const cells = [
        row.seconds.toFixed(1),
        String(row.commands),
        (row.commands / nodes).toFixed(1),
        (row.commands / row.seconds).toFixed(0),
        (row.outBytes / 1000 / row.seconds).toFixed(1),
        row.cpuS.toFixed(2),
        ((100 * row.cpuS) / row.seconds).toFixed(1),
      ]
      lines.push(
        `  ${name.padEnd(18)}${cells.map((one) => one.padStart(10)).join('')}   ${row.calls.map(([call, n]) => `${call} ${n}`).join(', ')}`,
      )
    }
  }
  return lines.join('\n')
}
