import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { ConfigurationError, messageOf } from '../../kernel/index.js'
import { type AuditEars, LogAudit } from './log-audit.js'

/** Reads logs and prints the requested report. */
export async function logtool(what: string, files: readonly string[], isJson: boolean): Promise<void> {
  // A closed pipe ends the command, as usual.
  process.stdout.on('error', () => process.exit(0))
  const print = (text: string): void => console.log(text)
  const ears: Readonly<Record<string, AuditEars>> = {
    errors: { onError: print },
    traces: { onTrace: print },
    debug: { onDebug: print },
  }
  const audit = new LogAudit(ears[what])
  for (const file of files.length > 0 ? files : ['-']) await read(audit, file)
  if (what === 'stats') print(isJson ? JSON.stringify(audit.report) : reportText(audit))
  if (what !== 'incomplete') return
  if (isJson) print(JSON.stringify(Object.fromEntries(audit.incomplete)))
  else for (const [id, name] of audit.incomplete) print(`Did not complete: ${id} ${name}`)
}

async function read(audit: LogAudit, file: string): Promise<void> {
  try {
    if (file === '-') for await (const line of createInterface({ input: process.stdin })) audit.feed(line)
    else {
      await using handle = await open(file)
      for await (const line of handle.readLines()) audit.feed(line)
    }
  } catch (error) {
    throw new ConfigurationError(`${file} cannot be read: ${messageOf(error)}`, { code: 'LVG_USAGE' })
  }
  audit.end()
}

function reportText({ report }: LogAudit): string {
  return [
    '',
    'Report',
    '======',
    `Task total: ${report.total}`,
    `Task errors: ${report.errors}`,
    `Task success: ${report.succeeded}`,
    `Task completed: ${report.completed}`,
    `Task retries: ${report.retried}`,
    '',
    'Tasks',
    '=====',
    ...report.types.map(([name, count]) => `${name}: ${count}`),
  ].join('\n')
}
