import { bodyOf, type Loopback, listen } from 'lovage-systems-kit'

/** How the stand-in behaves. */
export interface LanguageModel extends Loopback {
  /** So many of the next requests are answered with 429. */
  busy: number
  /** So many of the next answers break off in the middle. */
  broken: number
  /** How long it pauses between two words. */
  pauseMs: number
  requests: number
}

/** A server on loopback that speaks OpenAI's interface and answers with the words of the prompt, backwards. */
export async function startLanguageModel(key: string): Promise<LanguageModel> {
  const state = { busy: 0, broken: 0, pauseMs: 5, requests: 0 }
  const server = await listen(async (request, response) => {
    const json = (status: number, body: unknown, headers: Record<string, string> = {}): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body))
    if (request.headers.authorization !== `Bearer ${key}`)
      return json(401, { error: { message: 'Incorrect API key provided.' } })
    if (request.url === '/v1/models')
      return json(200, { object: 'list', data: [{ id: 'backwards', object: 'model' }] })
    state.requests++
    // What the client sends is its own business; the stand-in reads two of its fields.
    const body = JSON.parse(await bodyOf(request)) as { input?: string[]; messages?: { content: string }[] }
    if (state.busy > 0) {
      state.busy--
      return json(429, { error: { message: 'Rate limit reached' } }, { 'retry-after': '1' })
    }
    if (request.url === '/v1/embeddings') {
      const data = (body.input ?? []).map((text, index) => ({
        object: 'embedding',
        index,
        embedding: vectorOf(text),
      }))
      return json(200, { object: 'list', data: data.reverse(), model: 'backwards' })
    }
    const words = (body.messages?.at(-1)?.content ?? '').split(' ').reverse()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (data: unknown): void => void response.write(`data: ${JSON.stringify(data)}\n\n`)
    const breaksAt = state.broken > 0 ? Math.ceil(words.length / 2) : undefined
    if (breaksAt !== undefined) state.broken--
    for (const [at, word] of words.entries()) {
      if (at === breaksAt) return void response.destroy()
      send({ model: 'backwards', choices: [{ index: 0, delta: { content: at === 0 ? word : ` ${word}` } }] })
      await new Promise((resolve) => setTimeout(resolve, state.pauseMs))
    }
    send({ model: 'backwards', choices: [], usage: { total_tokens: words.length * 2 } })
    response.end('data: [DONE]\n\n')
  })
  return Object.assign(state, { url: `${server.url}/v1`, close: server.close })
}

/** Letters counted: alike texts have alike vectors. */
function vectorOf(text: string): number[] {
  const counts = Array.from({ length: 26 }, () => 0)
  for (const letter of text.toLowerCase()) {
    const at = letter.charCodeAt(0) - 97
    if (at >= 0 && at < 26) counts[at] = (counts[at] ?? 0) + 1
  }
  const length = Math.hypot(...counts) || 1
  return counts.map((count) => count / length)
}
