// What `pools.mjs` runs.
import { Lovage } from '../packages/lovage/dist/index.js'

export const app = new Lovage('bench', { taskIgnoreResult: true, resultBackend: 'disabled://', env: {} })
app.task({ name: 'noop', run: () => {} })
app.task({
  name: 'spin',
  run: (_ctx, turns) => {
    let x = 0
    for (let n = 0; n < turns; n++) x += Math.sqrt(n * x + 1) % 7
    return x
  },
})
