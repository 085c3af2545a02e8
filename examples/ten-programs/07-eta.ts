import { Lovage } from 'lovage'

export const app = new Lovage('mail')

export const remind = app.task({
  name: 'mail.remind',
  run: (ctx, user: string) => `${user} at ${ctx.eta?.toISOString()}`,
})

export async function main(): Promise<void> {
  await remind.applyAsync(['ada'], { countdown: 3600 }) // seconds, as in Celery
  await remind.applyAsync(['ada'], {
    eta: new Date('2027-01-01T09:00:00Z'),
    expires: new Date('2027-01-02T00:00:00Z'),
  })
}
