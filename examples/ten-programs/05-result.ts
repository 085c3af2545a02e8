import { Lovage, TaskError, TimeoutError } from 'lovage'

export const app = new Lovage('web')

export const divide = app.task({
  name: 'web.divide',
  run: async (_ctx, dividend: number, divisor: number) => {
    if (divisor === 0) throw new RangeError('division by zero')
    return dividend / divisor
  },
})

export async function main(divisor: number): Promise<string> {
  const result = await divide.delay(42, divisor)
  try {
    return `${await result.get({ timeout: 1 })}`
  } catch (error) {
    if (error instanceof TimeoutError) return `still ${await result.state()}` // the task goes on
    if (error instanceof TaskError) return error.message // it failed: details has type and traceback
    throw error
  }
}
