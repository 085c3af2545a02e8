import { Lovage } from 'lovage'

export const app = new Lovage('shop') // no URL: an embedded SQLite broker in .lovage/, for development

export const add = app.task({ name: 'math.add', run: (_ctx, x: number, y: number) => x + y })

export async function main(): Promise<number> {
  const result = await add.delay(2, 3) // AsyncResult<number>; add.delay('2', 3) does not compile
  return result.get({ timeout: 10 })
}
