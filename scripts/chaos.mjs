/**
 * `npm run chaos [-- --seconds 600 --seed N --brokers redis,sqlite,postgresql,rabbitmq --hostile 100000]`: first hostile messages for every
 * reader; then random deaths of workers, servers and connections, locks and full disks, with hostile messages mixed in, and a ledger of
 * every task. Ends well when every reader gave a value or refused, nothing is lost or stuck, and each chord's body ran once; the seed is
 * printed. `--seconds 0` or `--hostile 0` leaves one of both out.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fuzzReaders } from '../test/hostile/hostile.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    brokers: { type: 'string' },
    hostile: { type: 'string', default: '100000' },
  },
})

await fuzz(Number(values.seed), Number(values.hostile))
process.exitCode = Number(values.seconds) > 0 ? disturb() : 0

/** Throws, with seed and number, at the first text over which a reader stumbles. */
async function fuzz(seed, count) {
  if (count === 0) return
  const rooms = await Promise.all(
    ['cluster', 'envelope', 'message', 'events'].map(
      (room) => import(`../packages/lovage/dist/${room}/index.js`),
    ),
  )
  const { refused, taken } = fuzzReaders({ seed, count, rooms: Object.assign({}, ...rooms) })
  console.log(`${count} hostile texts: ${taken} readings gave a value, ${refused} refused; seed ${seed}`)
}

function disturb() {
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/chaos'], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      CHAOS_SECONDS: values.seconds,
      CHAOS_SEED: values.seed,
      ...(values.brokers === undefined ? {} : { CHAOS_BROKERS: values.brokers }),
    },
  })
  return status ?? 1
}
