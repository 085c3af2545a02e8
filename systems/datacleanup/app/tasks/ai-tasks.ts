import { z } from 'zod'
import { completionProvider, ProviderUnavailable } from '../ai/provider.js'
import { app } from '../core/app.js'
import { Refused } from '../core/errors.js'

/** AI tasks: five retries, backing off up to ten minutes; what is refused for good is not tried again. */
const POLICY = {
  autoretryFor: [Error],
  dontAutoretryFor: [Refused],
  throws: [Refused],
  retryBackoff: true,
  retryBackoffMax: 600,
  retryJitter: true,
  maxRetries: 5,
  // A provider counts requests; this is the whole cluster's share.
  rateLimit: '600/m',
} as const

/** How often the growing text is told; each time is one write of the result. */
const TOLD_EVERY_MS = 250

const userId = z.number().int().positive()

/** Completes a prompt. While it runs, its state is PROGRESS with the text so far. */
export const processAiRequest = app.task({
  ...POLICY,
  name: 'app.tasks.ai_tasks.process_ai_request',
  input: z.object({ user_id: userId, prompt: z.string().min(1).max(100_000) }),
  params: ['user_id', 'prompt'],
  run: async (ctx, { user_id, prompt }) => {
    let [text, toldAtMs] = ['', 0]
    let telling: Promise<void> = Promise.resolve()
    const { retries } = ctx
    ctx.logger.info({ user_id }, `Task started: ${ctx.id}`)
    try {
      const completion = await completionProvider().complete(prompt, ctx.signal, (piece) => {
        text += piece
        if (performance.now() - toldAtMs < TOLD_EVERY_MS) return
        toldAtMs = performance.now()
        const soFar = text
        telling = telling.then(() => ctx.updateState('PROGRESS', { text: soFar, user_id }))
      })
      return { ...completion, user_id, retries }
    } catch (error) {
      throw later(error, (countdown) => ctx.retry({ cause: error, countdown }))
    } finally {
      // Told in order, and before the result.
      await telling
    }
  },
})

/** Turns texts into vectors. */
export const generateEmbeddings = app.task({
  ...POLICY,
  name: 'app.tasks.ai_tasks.generate_embeddings',
  input: z.object({ user_id: userId, texts: z.array(z.string().min(1)).min(1).max(2048) }),
  params: ['user_id', 'texts'],
  run: async (ctx, { texts }) => {
    try {
      const vectors = await completionProvider().embed(texts, ctx.signal)
      return { vectors, dimensions: vectors[0]?.length ?? 0 }
    } catch (error) {
      throw later(error, (countdown) => ctx.retry({ cause: error, countdown }))
    }
  },
})

/** What to throw: the retry at the time that the provider named, else the error itself. */
function later(error: unknown, retry: (seconds: number) => unknown): unknown {
  return error instanceof ProviderUnavailable && error.retryAfterS !== undefined
    ? retry(error.retryAfterS)
    : error
}
