/**
 * `npm run chaos [-- --seconds 600 --seed N --brokers redis,sqlite,postgresql,rabbitmq]`: random deaths of workers, servers and connections,
 * locks and full disks, with hostile messages mixed in, and a ledger of every task. Ends well when nothing is lost or stuck and each
 * chord's body ran once; the seed is printed.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string' },
    brokers: { type: 'string' },
  },
})
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/chaos'], {
  cwd: ROOT,
  stdio: 'inherit',
  env: {
    ...process.env,
    CHAOS_SECONDS: values.seconds,
    ...(values.seed === undefined ? {} : { CHAOS_SEED: values.seed }),
    ...(values.brokers === undefined ? {} : { CHAOS_BROKERS: values.brokers }),
  },
})
process.exitCode = status ?? 1
