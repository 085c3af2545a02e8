import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { serveApp } from './loopback.js'

interface WebModule {
  readonly [name: string]: unknown
  /** Ends what the module has opened. */
  readonly close?: () => Promise<void>
}
type Web = Parameters<typeof serveApp>[0]

/** Requests under way have this long to end: less than the 40 s after which deployments kill a process. */
const GRACE_MS = 30_000

/** Serves the web application that a module exports, on $PORT (default 8000) of 127.0.0.1, until SIGTERM or SIGINT; resolves to the exit code. */
export async function serve(path: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  if (path === undefined) return refused(64, 'node ../serve.mjs MODULE: names no module, such as web.ts.')
  const port = Number(env.PORT ?? 8000)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    return refused(64, `PORT must be a port (0 to 65535), not ${JSON.stringify(env.PORT)}.`)
  if (!existsSync(path)) return refused(66, `There is no file ${path} in ${process.cwd()}.`)
  // Its exports are looked at below.
  const module = (await import(pathToFileURL(path).href)) as WebModule
  const web = Object.values(module).find(isWeb)
  if (!web) return refused(64, `${path} exports no web application.`)
  let server: Awaited<ReturnType<typeof serveApp>>
  try {
    server = await serveApp(web, port)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    return refused(
      69,
      `Port ${port} of 127.0.0.1 ${code === 'EACCES' ? 'may not be used by this user' : 'is in use'}. Set PORT to another.`,
    )
  }
  console.log(`listening on ${server.url}`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  await server.close(GRACE_MS)
  await module.close?.()
  return 0
}

const isWeb = (value: unknown): value is Web =>
  typeof value === 'object' && value !== null && 'fetch' in value && typeof value.fetch === 'function'

function refused(code: number, line: string): number {
  console.error(line)
  return code
}
