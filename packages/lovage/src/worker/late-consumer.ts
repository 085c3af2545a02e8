import type { Consumer, Settlement } from '../broker/index.js'

/** A worker's consumer, for components created before it. Until it is open nothing was claimed, so nothing can be settled. */
export class LateConsumer implements Consumer {
  #consumer: Consumer | undefined

  open(consumer: Consumer): void {
    this.#consumer = consumer
  }

  get settlesResults(): boolean {
    return this.#consumer?.settlesResults ?? false
  }
  settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    return this.#consumer?.settle(settlements) ?? Promise.resolve(settlements.map(({ tag }) => tag))
  }
  demand(): void {
    this.#consumer?.demand()
  }
  async setQueues(queues: readonly string[]): Promise<void> {
    await this.#consumer?.setQueues(queues)
  }
  async releaseDead(holders: readonly string[]): Promise<void> {
    await this.#consumer?.releaseDead?.(holders)
  }
  async pause(): Promise<void> {
    await this.#consumer?.pause()
  }
  async close(): Promise<void> {
    await this.#consumer?.close()
  }
}
