import { arch, platform, release } from 'node:os'
import { redactUrl } from '../../kernel/index.js'
import { type GlobalOptions, openApp } from '../global-options.js'
import { ownVersion } from '../version.js'

/** Names whose values are nobody's business. */
const SECRET = /password|secret|token|key$/i

/** `lovage report` */
export async function report(options: GlobalOptions): Promise<void> {
  await using app = await openApp(options)
  const set = Object.entries(app.conf).filter(([, value]) => value !== undefined)
  const lines = [
    `software -> lovage:${ownVersion()} node:${process.version}`,
    `platform -> system:${platform()} arch:${arch()} kernel:${release()}`,
    `broker -> ${redactUrl(app.brokerUrl)}`,
    `results -> ${app.hasResults ? redactUrl(app.resultUrl) : 'disabled'}`,
    `tasks -> ${app.tasks.names().length}`,
    '',
    ...set.map(
      ([name, value]) => `${name}: ${SECRET.test(name) ? '********' : redactUrl(JSON.stringify(value))}`,
    ),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
