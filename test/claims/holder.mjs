// A holder in a process of its own: takes one message, says so, and keeps its event loop busy. HOLDER tells it how, as JSON: see
// standstill.test.ts.
import { openBroker } from '../../packages/lovage/dist/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/dist/kernel/index.js'

const { url, queue, leaseMs, maxBlockMs, blockMs } = JSON.parse(process.env.HOLDER ?? '{}')
const broker = await openBroker(url, { settings: {}, clock: systemClock, logger: silentLogger })
let slots = 1
await broker.consume({
  queues: [queue],
  holder: `holder-${newId()}`,
  leaseMs,
  visibilityTimeoutMs: 3_600_000,
  maxBlockMs,
  free: () => slots,
  onDeliveries() {
    slots = 0
    process.stdout.write('holding\n', () => {
      const endMs = Date.now() + blockMs
      while (Date.now() < endMs);
    })
  },
  onLost: () => {},
  onError: (error) => process.stderr.write(`${String(error)}\n`),
  clock: systemClock,
  logger: silentLogger,
})
