import { randomBytes } from 'node:crypto'
import { unlink } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The kernel's limit for the path of a unix socket is 104 bytes on some systems, the terminator included. */
const LONGEST_SOCKET_PATH = 100

/** Beyond this, a peer that does not read is not written to: one unread ring is as good as two. */
const MOST_UNREAD_BYTES = 4096

/**
 * Wakes other processes that share a file. Each waiting process listens on its own socket and stores the address
 * in the file; a process that has written rings all of them. No process depends on another: a killed listener
 * leaves a dead address, and the first process to ring it removes it. Rings may be lost; a poll backs
 * them up.
 */
export class SqliteDoorbell {
  readonly address: string
  readonly #onRing: (topics: readonly string[]) => void
  readonly #onDead: (address: string) => void
  readonly #lines = new Map<string, Socket>()
  #server: Server | undefined

  constructor(
    file: string,
    onRing: (topics: readonly string[]) => void,
    /** This address has no listener any longer. */
    onDead: (address: string) => void,
  ) {
    this.address = ownAddress(file)
    this.#onRing = onRing
    this.#onDead = onDead
  }

  /** Resolves to whether rings can be received; where sockets are forbidden, polling does all the work. */
  listen(): Promise<boolean> {
    if (this.#server) return Promise.resolve(true)
    const server = createServer((caller) => {
      let rest = ''
      caller.setEncoding('utf8').unref()
      caller.on('error', () => caller.destroy())
      caller.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        const topics = new Set(lines.flatMap((line) => line.split(' ')))
        if (topics.size > 0) this.#onRing([...topics])
      })
    })
    this.#server = server
    return new Promise((resolve) => {
      server.once('error', () => {
        this.#server = undefined
        resolve(false)
      })
      server.listen(this.address, () => resolve(true))
      server.unref()
    })
  }

  ring(addresses: readonly string[], topics: readonly string[]): void {
    const text = `${topics.join(' ')}\n`
    for (const address of addresses) {
      if (address === this.address) continue
      const line = this.#lines.get(address) ?? this.#call(address)
      if (line.writableLength < MOST_UNREAD_BYTES) line.write(text)
    }
  }

  #call(address: string): Socket {
    const line = createConnection(address)
    line.unref()
    this.#lines.set(address, line)
    line.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
        if (!isPipe(address)) unlink(address, () => {})
        this.#onDead(address)
      }
    })
    line.on('close', () => this.#lines.delete(address))
    return line
  }

  close(): void {
    for (const line of this.#lines.values()) line.destroy()
    // Node removes the socket's file with its server.
    this.#server?.close()
    this.#server = undefined
  }
}

function ownAddress(file: string): string {
  const name = randomBytes(6).toString('hex')
  if (process.platform === 'win32') return `\\\\.\\pipe\\lovage-${name}`
  const beside = `${file}-bell-${name}`
  return Buffer.byteLength(beside) <= LONGEST_SOCKET_PATH ? beside : join(tmpdir(), `lovage-bell-${name}`)
}

const isPipe = (address: string): boolean => address.startsWith('\\\\.\\pipe\\')
