import type { AsyncResult } from '../../app/results/index.js'
import { isLovageError } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'

/** The options of printing a result. */
export interface PrintResultOptions {
  readonly traceback?: boolean
  /** Seconds; true = without a limit. */
  readonly wait?: number | true
  readonly json?: boolean
}

/** Prints a result; resolves to the exit code. */
export async function printResult(result: AsyncResult<unknown>, options: PrintResultOptions): Promise<0 | 1> {
  if (options.wait !== undefined) await wait(result, options.wait)
  const info = await result.info()
  if (options.json) console.log(encodeJson(info ?? { id: result.id, state: 'PENDING' }))
  else if (options.traceback) console.log(info?.traceback ?? 'There is no traceback.')
  else if (info?.state === 'SUCCESS') console.log(encodeJson(info.result))
  else if (info === undefined)
    console.error(`${result.id} is PENDING: nothing is stored, or the id is unknown`)
  else console.error(`${result.id} is ${info.state}: ${await describe(result, info.state, info.result)}`)
  return info?.state === 'SUCCESS' ? 0 : 1
}

async function wait(result: AsyncResult<unknown>, limit: number | true): Promise<void> {
  try {
    await result.get({ propagate: false, ...(limit === true ? {} : { timeout: limit }) })
  } catch (error) {
    // The state after the wait is printed in any case.
    if (!isLovageError(error) || error.code !== 'LVG_RESULT_TIMEOUT') throw error
  }
}

async function describe(result: AsyncResult<unknown>, state: string, meta: unknown): Promise<string> {
  if (state !== 'FAILURE' && state !== 'REVOKED') return encodeJson(meta)
  try {
    await result.get({ timeout: 0 })
  } catch (error) {
    if (error instanceof Error) return error.message
  }
  return encodeJson(meta)
}
