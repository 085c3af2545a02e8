/** A queue, as far as sharing out goes. */
interface Hungry {
  /** How many messages are probably waiting there. */
  readonly expected: number
}

/**
 * How many messages to claim from each of several queues at once, the first ones first. Each gets as many as it probably has; what is left
 * goes to the first, which may have more. A queue that gives all it was asked for is expected to have twice as many, so a backlog
 * behind quiet queues is taken in full from the second claim on, and no queue waits for another one's reply.
 */
export function shareOut<Queue extends Hungry>(queues: readonly Queue[], want: number): Map<Queue, number> {
  const shares = new Map<Queue, number>()
  let left = want
  for (const queue of queues) {
    if (left <= 0) break
    const count = Math.min(left, queue.expected)
    if (count <= 0) continue
    shares.set(queue, count)
    left -= count
  }
  for (const [queue, count] of shares) {
    shares.set(queue, count + left)
    break
  }
  return shares
}
