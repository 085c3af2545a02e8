import type { UntypedCall } from '../../app/index.js'
import { CommandError } from '../exit.js'
import { type GlobalOptions, openApp } from '../global-options.js'

interface CallCommandOptions extends GlobalOptions {
  readonly args: string
  readonly kwargs: string
  readonly eta?: string
  readonly countdown?: string
  readonly expires?: string
  readonly serializer?: string
  readonly queue?: string
  readonly exchange?: string
  readonly routingKey?: string
  readonly priority?: string
}

/** `lovage call` */
export async function call(task: string, options: CallCommandOptions): Promise<void> {
  const request = readCall(options)
  await using app = await openApp(options)
  const result = await app.sendTask(task, request)
  process.stdout.write(`${result.id}\n`)
}

function readCall(options: CallCommandOptions): UntypedCall {
  const { queue, exchange, routingKey, serializer } = options
  const args = json(options.args, '--args')
  const kwargs = json(options.kwargs, '--kwargs')
  if (!Array.isArray(args)) throw new CommandError('--args takes a JSON list, such as [2, 3].')
  if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs))
    throw new CommandError('--kwargs takes a JSON object, such as {"x": 2}.')
  if (serializer !== undefined && serializer !== 'json' && serializer !== 'msgpack' && serializer !== 'yaml')
    throw new CommandError(`There is no serializer ${serializer}.`, {
      hint: 'Known are json, msgpack, yaml.',
    })
  return {
    args,
    // A JSON object has text keys.
    kwargs: kwargs as Readonly<Record<string, unknown>>,
    ...(options.eta === undefined ? {} : { eta: time(options.eta, '--eta') }),
    ...(options.countdown === undefined ? {} : { countdown: seconds(options.countdown, '--countdown') }),
    ...(options.expires === undefined
      ? {}
      : {
          expires: /^\d+(\.\d+)?$/.test(options.expires)
            ? Number(options.expires)
            : time(options.expires, '--expires'),
        }),
    ...(options.priority === undefined ? {} : { priority: seconds(options.priority, '--priority') }),
    ...(queue === undefined ? {} : { queue }),
    ...(exchange === undefined ? {} : { exchange }),
    ...(routingKey === undefined ? {} : { routingKey }),
    ...(serializer === undefined ? {} : { serializer }),
  }
}

function json(text: string, flag: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandError(`${flag} is no JSON: ${error instanceof Error ? error.message : error}`, {
      hint: 'Quote it for the shell: --args \'["text", 3]\'',
    })
  }
}

function time(text: string, flag: string): Date {
  const value = new Date(text)
  if (Number.isNaN(value.getTime()))
    throw new CommandError(`${flag} takes a time such as 2027-01-01T09:00:00Z, not ${text}.`)
  return value
}

function seconds(text: string, flag: string): number {
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value))
    throw new CommandError(`${flag} takes a number, not ${text}.`)
  return value
}
