import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { desiredReplicas } from '../../packages/lovage/src/health/scale-policy.js'
import { simulateDay } from '../../scripts/simulate/fleet.mjs'
import { MOST_WAIT_S, simulateAll, winners } from '../../scripts/simulate.mjs'
import { run } from '../servers.js'

describe('the simulation of a day', () => {
  const steady = { rate: () => 5, runtimeS: 2, slots: 10, startS: 20 }

  test('runs every task, in the time that arithmetic gives where nothing changes', () => {
    const day = simulateDay({ ...steady, policy: () => 2 })
    expect(day.done).toBe(day.came)
    expect(day.came).toBeGreaterThan(5 * 86_400 * 0.99)
    // Two replicas for a day, once the second has started.
    expect(day.replicaHours).toBeCloseTo(48, 0)
    expect([day.p95, day.peak]).toEqual([0, 2])
  })

  test('queues what a replica too few cannot do, until the day is over', () => {
    // 10 busy slots of 8: a fifth waits for the rest of the day.
    const day = simulateDay({ ...steady, slots: 8, policy: () => 1 })
    expect(day.done).toBe(day.came)
    expect(day.longest).toBeGreaterThan(0.2 * 86_400 * 0.9)
    expect(day.peakBacklog).toBeGreaterThan(86_400 * 0.9)
  })

  test('is the same each time for one seed, and another for another', () => {
    const day = (seed: number) => simulateDay({ ...steady, policy: () => 2, seed })
    expect(day(1)).toEqual(day(1))
    expect(day(1).came).not.toBe(day(2).came)
  })
})

test('the defaults of target and within are the cheapest that keep waiting short, where the run time is known', {
  timeout: 60_000,
}, () => {
  const rows = simulateAll(desiredReplicas, { startS: 1, taskS: 0.0002, podS: 20 })
  for (const { came, done } of rows) expect(done).toBe(came)
  const best = winners(rows, MOST_WAIT_S)
  // A batch of a minute is longer in starting its pods than in being done: no policy keeps that short with a hundred.
  const judged = [...best].filter(([place]) => !place.startsWith('nightly'))
  expect(judged).toHaveLength(6)
  const defaults = rows.filter(({ policy }) => policy === 'runtime, within=60')
  for (const [place, { replicaHours }] of judged) {
    const own = defaults.find(({ curve, kind }) => `${curve}, ${kind}` === place)
    expect(own?.p95, place).toBeLessThanOrEqual(MOST_WAIT_S)
    // The rule of thumb is cheaper for medium tasks by luck of its number; it lets long ones wait for most of an hour.
    if (!place.includes('medium')) expect(own?.replicaHours, place).toBe(replicaHours)
  }
  const thumb = rows.find(({ policy, kind }) => policy.startsWith('a replica per') && kind.startsWith('long'))
  expect(thumb?.p95).toBeGreaterThan(10 * MOST_WAIT_S)
})

test('the command measures a worker, and prints its table', { timeout: 90_000 }, async () => {
  const script = fileURLToPath(new URL('../../scripts/simulate.mjs', import.meta.url))
  const { code, stdout, stderr } = await run('node', [script, '--pod', '10'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    /A worker starts in \d+\.\d+ s and spends \d+\.\d+ ms of its processor on a task; a pod takes 10 s more/,
  )
  expect(stdout).toMatch(/office, long \(2 min\): \d+ tasks, at least \d+\.\d replica hours/)
})

test('a fleet of real workers is started, asked, listened to and stopped, and its server’s work is told', {
  timeout: 60_000,
}, async () => {
  const script = fileURLToPath(new URL('../../scripts/simulate.mjs', import.meta.url))
  const { code, stdout } = await run(process.execPath, [script, '--nodes', '3', '--idle', '3'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/3 nodes: \d+ connections, .* heard [1-9]\d* events; 3 answered a ping/)
  for (const phase of ['start', 'idle', 'one listener', 'one ping of all', 'stop'])
    expect(stdout).toMatch(new RegExp(`^  ${phase} +[\\d.]+ +[1-9]\\d*`, 'm'))
})
