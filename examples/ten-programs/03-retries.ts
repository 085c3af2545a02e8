import { Lovage } from 'lovage'

export class Unavailable extends Error {}
export const app = new Lovage('crawler')

export const fetchPage = app.task({
  name: 'crawler.fetch',
  autoretryFor: [Unavailable],
  retryBackoff: true, // 1, 2, 4 … seconds, at most retryBackoffMax (600), with full jitter
  maxRetries: 5,
  run: async (ctx, url: string) => {
    const response = await fetch(url, { signal: ctx.signal })
    if (response.status === 429) throw ctx.retry({ countdown: 60 }) // asked for
    if (response.status >= 500) throw new Unavailable(`${url}: ${response.status}`) // automatic
    return response.text()
  },
})

export async function main(url: string): Promise<string> {
  const result = await fetchPage.delay(url)
  return result.get({ timeout: 30 })
}
