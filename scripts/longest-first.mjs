import { BaseSequencer } from 'vitest/node'

/** The files that take longest, longest first, and by their folder where a family takes about as long. */
const LONGEST = [
  'test/rabbitmq/cluster.test.ts',
  'systems/kit/on-servers.test.ts',
  'test/chaos/',
  'test/crash/',
  'test/interop/random/',
  'test/control/python-workers.test.ts',
  'test/guides/handbook.test.ts',
  'test/control/celery-tools.test.ts',
  'test/cli/worker.test.ts',
  'test/cli/processes.test.ts',
  'test/pools/fleet.test.ts',
  'test/canvas/execution.test.ts',
  'test/beat/fleet.test.ts',
  'test/limits.test.ts',
  'test/webhooks/crash.test.ts',
  'systems/kit/systems.test.ts',
  'test/dashboard/browser/',
  'test/guards/guards.test.ts',
  'test/rabbitmq/python.test.ts',
  'test/redis/kill.test.ts',
  'test/control/migrate.test.ts',
]
const rankOf = ({ moduleId }) => {
  const rank = LONGEST.findIndex((path) => moduleId.includes(`/${path}`))
  return rank === -1 ? LONGEST.length : rank
}

/** Starts the longest files first, so that none of them is left alone at the end while other processes have nothing to do. */
export default class LongestFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files)
    return sorted
      .map((file, place) => ({ file, place }))
      .sort((a, b) => rankOf(a.file) - rankOf(b.file) || a.place - b.place)
      .map(({ file }) => file)
  }
}
