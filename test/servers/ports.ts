import { createServer } from 'node:net'

// Below the ephemeral range of Linux (32768…60999): while a killed server is away, no outgoing connection can take its
// port, and a client that retries cannot be connected to itself.
const FIRST_PORT = 12_000
const LAST_PORT = 32_000
// A server may listen seconds after its port was chosen: processes that run tests at the same time choose from different ones.
const SHARES = 8
const SHARE = Number(process.env.VITEST_POOL_ID ?? 0) % SHARES
const chosen = new Set<number>()

/** A loopback port that nobody listens on, outside the range from which the system takes ports by itself; a new one each time. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST_PORT + SHARE + SHARES * Math.floor((Math.random() * (LAST_PORT - FIRST_PORT)) / SHARES)
    if (chosen.has(port) || !(await canListen(port))) continue
    chosen.add(port)
    return port
  }
  throw new Error(`no free loopback port between ${FIRST_PORT} and ${LAST_PORT}`)
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
