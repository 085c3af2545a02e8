import { createParser } from 'eventsource-parser'
import { z } from 'zod'
import { setting } from '../core/config.js'
import { Refused } from '../core/errors.js'

/** The provider is busy or broken: worth another try, after so many seconds if it said when. */
export class ProviderUnavailable extends Error {
  override readonly name = 'ProviderUnavailable'
  readonly retryAfterS: number | undefined

  constructor(message: string, retryAfterS?: number, options?: ErrorOptions) {
    super(message, options)
    this.retryAfterS = retryAfterS
  }
}

/** A completion. */
export interface Completion {
  readonly text: string
  readonly model: string
  readonly tokens: number | null
}

const Chunk = z.object({
  model: z.string().optional(),
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })),
  usage: z.object({ total_tokens: z.number() }).nullish(),
})
const Embeddings = z.object({
  data: z.array(z.object({ index: z.number(), embedding: z.array(z.number()) })),
})
const Models = z.object({ data: z.array(z.object({ id: z.string() })) })

/** A server that speaks OpenAI's HTTP interface, hosted or one's own (vLLM, Ollama, llama.cpp, LM Studio). */
export interface Provider {
  /** Completes a prompt; `onText` hears of each piece as it arrives. */
  complete(prompt: string, signal: AbortSignal, onText?: (text: string) => void): Promise<Completion>
  /** One vector a text, in their order. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<readonly (readonly number[])[]>
  models(): Promise<readonly string[]>
}

/** The provider that the environment names. */
export function completionProvider(): Provider {
  const [base, key] = [setting('OPENAI_BASE_URL').replace(/\/$/, ''), setting('OPENAI_API_KEY')]
  const ask = async (path: string, body: unknown, signal?: AbortSignal): Promise<Response> => {
    const response = await fetch(`${base}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      ...(signal ? { signal } : {}),
    }).catch((cause: unknown) => {
      signal?.throwIfAborted()
      throw new ProviderUnavailable(`The provider at ${base} does not answer.`, undefined, { cause })
    })
    if (response.ok) return response
    throw await refusal(response)
  }
  return {
    async complete(prompt, signal, onText = () => {}) {
      const model = setting('OPENAI_MODEL')
      const messages = [{ role: 'user', content: prompt }]
      const options = { model, messages, stream: true, stream_options: { include_usage: true } }
      const response = await ask('/chat/completions', options, signal)
      return readStream(response, model, signal, onText)
    },
    async embed(texts, signal) {
      const model = setting('OPENAI_EMBEDDING_MODEL')
      const response = await ask('/embeddings', { model, input: texts }, signal)
      const { data } = Embeddings.parse(await response.json())
      return [...data].sort((a, b) => a.index - b.index).map(({ embedding }) => embedding)
    },
    async models() {
      return Models.parse(await (await ask('/models', undefined)).json()).data.map(({ id }) => id)
    },
  }
}

async function readStream(
  response: Response,
  asked: string,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<Completion> {
  let [text, model, tokens, ended] = ['', asked, null as number | null, false]
  const parser = createParser({
    onEvent({ data }) {
      if (data === '[DONE]') {
        ended = true
        return
      }
      const chunk = Chunk.parse(JSON.parse(data))
      model = chunk.model ?? model
      tokens = chunk.usage?.total_tokens ?? tokens
      const piece = chunk.choices[0]?.delta.content
      if (!piece) return
      text += piece
      onText(piece)
    },
  })
  const decoder = new TextDecoder()
  try {
    for await (const bytes of response.body ?? []) parser.feed(decoder.decode(bytes, { stream: true }))
  } catch (cause) {
    signal.throwIfAborted()
    throw new ProviderUnavailable('The provider stopped in the middle of its response.', undefined, { cause })
  }
  // A connection that closes early looks like an end; half an answer is none.
  if (!ended) throw new ProviderUnavailable('The provider ended its response before it was complete.')
  return { text, model, tokens }
}

/** 429 and 5xx pass by; everything else will be refused again. */
async function refusal(response: Response): Promise<Error> {
  const said = (await response.text()).slice(0, 300)
  if (response.status !== 429 && response.status < 500)
    return new Refused(`The provider refuses the request with ${response.status}: ${said}`)
  const seconds = Number(response.headers.get('retry-after'))
  return new ProviderUnavailable(
    `The provider answered ${response.status}: ${said}`,
    seconds > 0 ? seconds : undefined,
  )
}
