import type { Lovage } from 'lovage'
import { type PythonCelery, pythonCelery } from '../../servers.js'

/** Tasks that run until they are told to end. */
export const holding = new Map<string, () => void>()
export const ran: unknown[] = []
export const failed: string[] = []
export const stopped: string[] = []

/** Tasks that run, are held, or fail, and keep what they did. */
export function tasksOfShop(app: Lovage): void {
  app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => ran.push([x, y]) })
  app.task({
    name: 'shop.hold',
    abortable: true,
    run: (ctx, label: string) =>
      new Promise((resolve, reject) => {
        holding.set(label, () => resolve(label))
        ctx.signal.addEventListener('abort', () => {
          stopped.push(label)
          reject(ctx.signal.reason)
        })
      }),
  })
  app.task({
    name: 'shop.fail',
    deadLetter: 'failures',
    run: (_ctx, label: string): never => {
      failed.push(label)
      throw new RangeError(`no stock of ${label}`)
    },
  })
  app.task({
    name: 'shop.lose',
    deadLetter: 'failures',
    run: (): never => {
      throw new RangeError('lost')
    },
  })
}

/** A worker in Python for the queue `py`, which naps. */
export const startPythonShop = (url: string): Promise<PythonCelery> =>
  pythonCelery({
    broker: url,
    backend: url,
    source: `
app.conf.update(worker_pool_restarts=True, task_track_started=True)
@app.task(name='py.nap')
def nap(seconds):
    import time
    time.sleep(seconds)
`,
    // It sends no events until it is asked to.
    args: ['-P', 'prefork', '-c', '1', '-Q', 'py'],
  })

/** Where a dashboard of a test listens. */
export const LOOPBACK = {
  port: 0,
  address: '127.0.0.1',
  unixSocket: '',
  certfile: '',
  keyfile: '',
  caCerts: '',
}
