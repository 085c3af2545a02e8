/** A server that answers later than this is not waited for. */
const LATE_MS = 250
const WAITS = 5

/**
 * Waits for an answer briefly. Each wait begins when the one before has ended, so that what came while this process stood still is read
 * before the server counts as late.
 */
export async function inTime(answer: Promise<void>): Promise<void> {
  let isAnswered = false
  const answered = answer.then(() => {
    isAnswered = true
  })
  for (let waits = 0; waits < WAITS && !isAnswered; waits++) {
    let timer: NodeJS.Timeout | undefined
    const wait = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LATE_MS / WAITS)
    })
    await Promise.race([answered, wait])
    clearTimeout(timer)
  }
}
