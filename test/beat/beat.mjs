// A beat that is there to be killed: BEAT_BROKER is the broker and the results. Tells its parent when it leads and when it does not.
import { Lovage, openBeat } from '../../packages/lovage/dist/index.js'

const { BEAT_BROKER: broker } = process.env
const app = new Lovage('fleet', {
  broker,
  backend: broker,
  beatLease: 1.5,
  beatSchedule: { tick: { task: 'fleet.tick', schedule: 1, options: { queue: 'ticks' } } },
  env: {},
})
const { beat } = await openBeat(app)
let leads
setInterval(() => {
  if (leads !== beat.status.leads) process.send({ leads: beat.status.leads })
  leads = beat.status.leads
}, 20)
process.on('disconnect', () => process.exit())
await beat.run()
