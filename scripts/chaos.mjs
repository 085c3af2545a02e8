/**
 * `npm run chaos [-- --seconds 600 --seed N --brokers redis,sqlite,postgresql,rabbitmq --hostile 100000]`: first hostile messages for every
 * reader; then random deaths of workers, servers and connections, locks and full disks, with hostile messages mixed in, and a ledger of
 * every task. Ends well when every reader gave a value or refused, nothing is lost or stuck, and each chord's body ran once; the seed is
 * printed. `--seconds 0` or `--hostile 0` leaves one of both out.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    brokers: { type: 'string' },
    hostile: { type: 'string', default: '100000' },
  },
})

const isDisturbed = Number(values.seconds) > 0
process.exitCode = fuzz() || (isDisturbed ? disturb() : 0)

/** Fails, with seed and number, at the first text over which a reader stumbles. */
function fuzz() {
  if (Number(values.hostile) === 0) return 0
  const only = ['-t', 'drawn from a seed', '--disable-console-intercept']
  return test(['test/hostile/readers.test.ts', ...only], { CHAOS_HOSTILE: values.hostile })
}

function disturb() {
  return test(['test/chaos'], {
    CHAOS_SECONDS: values.seconds,
    ...(values.brokers === undefined ? {} : { CHAOS_BROKERS: values.brokers }),
  })
}

function test(args, env) {
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, CHAOS_SEED: values.seed, ...env },
  })
  return status ?? 1
}
