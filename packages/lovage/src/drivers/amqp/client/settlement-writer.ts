/** The socket of a connection. */
export interface Socket {
  write(bytes: Buffer): unknown
}

const METHOD = 1
const FRAME_END = 0xce
const BASIC = 60
const ACK = 80
const NACK = 120
const MULTIPLE = 1
const REQUEUE = 2
/** Frame header, class and method, tag, bits, end. */
const FRAME_BYTES = 7 + 4 + 8 + 1 + 1
const FIRST_ROOM = 64

/**
 * Writes settlements of deliveries, all of one turn of the event loop in one write: the client library makes a system call for each. All
 * settlements go this way, so that they stay in order.
 */
export class SettlementWriter {
  readonly #channel: number
  readonly #socket: Socket
  #frames = Buffer.allocUnsafeSlow(FRAME_BYTES * FIRST_ROOM)
  #at = 0

  constructor(channel: number, socket: Socket) {
    this.#channel = channel
    this.#socket = socket
  }

  /** Whether something waits for `flush`. */
  get isWaiting(): boolean {
    return this.#at > 0
  }

  ack(tag: number, upTo: boolean): void {
    this.#frame(ACK, tag, upTo ? MULTIPLE : 0)
  }

  reject(tag: number, requeue: boolean): void {
    this.#frame(NACK, tag, requeue ? REQUEUE : 0)
  }

  flush(): void {
    if (this.#at === 0) return
    // The socket may hold on to the bytes: later frames use a new buffer.
    this.#socket.write(this.#frames.subarray(0, this.#at))
    this.#frames = Buffer.allocUnsafeSlow(FRAME_BYTES * FIRST_ROOM)
    this.#at = 0
  }

  #frame(method: number, tag: number, bits: number): void {
    if (this.#at + FRAME_BYTES > this.#frames.length)
      this.#frames = Buffer.concat([this.#frames, Buffer.allocUnsafeSlow(this.#frames.length)])
    const frames = this.#frames
    let at = this.#at
    frames[at++] = METHOD
    at = frames.writeUInt16BE(this.#channel, at)
    at = frames.writeUInt32BE(FRAME_BYTES - 8, at)
    at = frames.writeUInt16BE(BASIC, at)
    at = frames.writeUInt16BE(method, at)
    at = frames.writeUInt32BE(Math.floor(tag / 2 ** 32), at)
    at = frames.writeUInt32BE(tag % 2 ** 32, at)
    frames[at++] = bits
    frames[at++] = FRAME_END
    this.#at = at
  }
}
