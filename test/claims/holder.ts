import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'

/** What a holder is told, as JSON in its environment. */
export interface HolderProgram {
  readonly url: string
  readonly queue: string
  readonly leaseMs: number
  readonly maxBlockMs: number
  readonly blockMs: number
}

// A holder in a process of its own: takes one message, says so, and keeps its event loop busy.
const program: HolderProgram = JSON.parse(process.env.HOLDER ?? '{}')
const { url, queue, leaseMs, maxBlockMs, blockMs } = program
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
