// A Redis of the bench's own, without persistence.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'

/** A server of its own, and a function that sends it a command. */
export async function withRedis(folder, work) {
  if (!isInstalled()) return console.error('redis-server is not installed: the Redis rows are left out')
  const port = await freePort()
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: 'ignore' },
  )
  const redis = commandOf(port)
  await waitFor(() =>
    spawnSync('redis-cli', ['-p', String(port), 'ping'])
      .stdout?.toString()
      .startsWith('PONG'),
  )
  try {
    await work(`redis://127.0.0.1:${port}/0`, redis)
  } finally {
    server.kill('SIGTERM')
    await new Promise((resolve) => server.once('exit', resolve))
  }
}

/** Sends a command to the server at a port of this machine. */
export const commandOf =
  (port) =>
  (...command) =>
    execFileSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8' }).trim()

/** A section of what the server says of itself. */
export const info = (command, section) =>
  Object.fromEntries(
    command('info', section)
      .split(/\r?\n/)
      .filter((line) => line.includes(':'))
      .map((line) => line.split(':')),
  )

/** Seconds that the server has spent. */
export function serverCpu(command) {
  const { used_cpu_user, used_cpu_sys } = info(command, 'cpu')
  return Number(used_cpu_user) + Number(used_cpu_sys)
}

export const isInstalled = () => spawnSync('redis-server', ['--version']).status === 0

async function waitFor(condition) {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 200) throw new Error('the server did not start')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
