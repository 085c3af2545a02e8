// Listens to events as a monitor does and counts them; says so when standard input is closed. node bench/events-listener.mjs <url>
import { Lovage } from '../packages/lovage/dist/index.js'

const app = new Lovage('listener', { broker: process.argv[2], backend: 'disabled://', env: {} })
let heard = 0
const cluster = await app.events.cluster({
  onEvent({ type }) {
    if (type.startsWith('task-')) heard++
  },
})
console.log('listens')
await new Promise((resolve) => process.stdin.resume().once('end', resolve))
// What is on its way comes still.
for (let before = -1; before !== heard; ) {
  before = heard
  await new Promise((resolve) => setTimeout(resolve, 200))
}
console.log(heard)
await cluster.close()
await app.close()
