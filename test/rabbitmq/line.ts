import { connect, createServer, type Socket } from 'node:net'

/** A line between clients and a server that can fail in every way that lines do. */
export interface Line extends AsyncDisposable {
  readonly port: number
  /** From now on what the server says does not arrive. */
  muteServer(): void
  /** From now on nothing goes either way, and nobody is told: a half-open connection. New connections are let through. */
  freeze(): void
  /** From now on each new connection ends by itself after so long; tells how many there were, in all. */
  flap(afterMs: number): () => number
  /** From now on what the server says goes through this, frame by frame: each becomes what is returned. For AMQP, and new connections. */
  onFrame(change: (frame: Buffer) => readonly Buffer[]): void
  /** Ends every connection. */
  cut(): void
}

export async function startLine(toPort: number): Promise<Line> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let isMute = false
  let change: ((frame: Buffer) => readonly Buffer[]) | undefined
  let lastsMs = Number.POSITIVE_INFINITY
  let count = 0
  const server = createServer((client) => {
    const target = connect(toPort, '127.0.0.1')
    const pair = [client, target] as const
    pairs.add(pair)
    count++
    if (lastsMs < Number.POSITIVE_INFINITY) setTimeout(() => client.destroy(), lastsMs)
    client.on('data', (bytes) => target.write(bytes))
    const changed = change && framesOf(change)
    target.on('data', (bytes) => {
      if (!isMute) client.write(changed ? changed(bytes) : bytes)
    })
    for (const socket of pair) {
      // Either end takes the other with it.
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        pairs.delete(pair)
        for (const one of pair) one.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it listens nowhere')
  const cut = (): void => {
    for (const [client, target] of pairs) {
      client.destroy()
      target.destroy()
    }
  }
  return {
    port: address.port,
    muteServer() {
      isMute = true
    },
    freeze() {
      for (const pair of pairs) for (const socket of pair) socket.removeAllListeners('data').pause()
    },
    flap(afterMs) {
      lastsMs = afterMs
      return () => count
    },
    onFrame(on) {
      change = on
    },
    cut() {
      isMute = false
      cut()
    },
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Cuts what comes into frames of AMQP, and joins what becomes of them. */
function framesOf(change: (frame: Buffer) => readonly Buffer[]): (bytes: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    const out: Buffer[] = []
    while (rest.length >= 7) {
      const end = 8 + rest.readUInt32BE(3)
      if (rest.length < end) break
      out.push(...change(rest.subarray(0, end)))
      rest = rest.subarray(end)
    }
    return Buffer.concat(out)
  }
}
