// Publishes to FAULT_BROKER in batches, at most FAULT_BATCHES, and tells how many messages were accepted and what stopped it.
import { coreOf } from '../../packages/lovage/dist/app/core/index.js'
import { Lovage } from '../../packages/lovage/dist/index.js'

const { FAULT_BROKER: broker, FAULT_BATCHES = '1000' } = process.env
const app = new Lovage('faults', { broker, backend: 'disabled://', env: {} })
const task = app.task({ name: 'faults.task', run: (_ctx, text) => text })
let accepted = 0
let error
try {
  for (let batch = 0; batch < Number(FAULT_BATCHES); batch++) {
    await task.applyAsyncMany(Array.from({ length: 20 }, () => ({ args: ['x'.repeat(500)] })))
    accepted += 20
  }
} catch (thrown) {
  error = { code: thrown.code, message: thrown.message, hint: thrown.hint }
}
const ready = await coreOf(app)
  .broker()
  .then((broker) => broker.depths(['celery']))
  .then((depths) => depths.get('celery')?.ready)
  .catch(() => undefined)
process.stdout.write(JSON.stringify({ accepted, ready, error }))
await app.close()
