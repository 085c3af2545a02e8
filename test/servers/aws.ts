import { connect, createServer, type Socket } from 'node:net'
import { startFauxqs } from 'fauxqs'

/** An emulator of SQS and S3 in this process, behind a door that can be shut. */
export interface AwsServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
  /** The broker. */
  readonly url: string
  /** The same, past the door. */
  readonly innerUrl: string
  /** What the emulator knows of a queue. */
  readonly inspect: Awaited<ReturnType<typeof startFauxqs>>['inspectQueue']
  readonly createBucket: (name: string) => void
  /** Cuts every connection, and refuses new ones for this long. */
  interrupt(ms: number): Promise<void>
  stop(): Promise<void>
}

/** Starts it on a free port. What it gets wrong is written in docs/operate/sqs.md. */
export async function startAws(): Promise<AwsServer> {
  const emulator = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false })
  const sockets = new Set<Socket>()
  const door = createServer((socket) => {
    const inner = connect(emulator.port, '127.0.0.1')
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      sockets.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  const open = (port: number): Promise<void> =>
    new Promise((resolve) => door.listen(port, '127.0.0.1', resolve))
  await open(0)
  const address = door.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      door.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  const stop = async (): Promise<void> => {
    await shut()
    await emulator.stop()
  }
  return {
    host: `127.0.0.1:${port}`,
    url: `sqs://test:test@127.0.0.1:${port}?region=us-east-1`,
    innerUrl: `sqs://test:test@127.0.0.1:${emulator.port}?region=us-east-1`,
    inspect: (name) => emulator.inspectQueue(name),
    createBucket: (name) => void emulator.createBucket(name),
    async interrupt(ms) {
      await shut()
      await new Promise((resolve) => setTimeout(resolve, ms))
      await open(port)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
