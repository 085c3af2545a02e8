import { Lovage, unchecked } from 'lovage'

export const app = new Lovage('learning')

export const enrich = app.task({
  name: 'learning.enrich',
  input: unchecked<{ user_id: number; course_id: string; dry_run?: boolean }>(), // typed, not checked at run time
  run: async (ctx, { user_id, course_id }) => {
    ctx.logger.info({ course_id }, 'enriching')
    return { user_id, seconds: 1320 }
  },
})

export async function main(): Promise<{ user_id: number; seconds: number }> {
  // The same message as Python's enrich.delay(user_id=1, course_id='x').
  const result = await enrich.delay({ user_id: 1, course_id: 'x' })
  return result.get({ timeout: 10 })
}
