import { Lovage } from 'lovage'

export const app = new Lovage('platform', {
  taskRoutes: [
    ['billing.charge', { queue: 'critical', priority: 9 }],
    ['billing.*', { queue: 'billing' }],
    [/^kyb\./, 'kyb'],
  ],
})

export const charge = app.task({ name: 'billing.charge', run: async (_ctx, cents: number) => cents })

export async function main(): Promise<void> {
  await charge.delay(100) // queue critical, priority 9: 0–9, higher first, on every broker
  await charge.applyAsync([100], { queue: 'billing', priority: 3 }) // the call wins
}
