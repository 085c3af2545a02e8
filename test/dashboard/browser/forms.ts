import type { Locator, Page, Request, Response } from 'playwright-core'

/**
 * What a button of a form is called here: its page, its action, and its words without numbers. What stands on every page, in the header or
 * among the troubles, has no page.
 */
const SIGN = `globalThis.signOf = (form, button, prefix) => {
  const data = new FormData(form, button)
  const kind = form.method === 'post' ? data.get('kind') ?? new URL(form.action).pathname : 'find'
  const [page, all] = location.pathname.slice(prefix.length).split('/').filter(Boolean)
  const where = form.closest('header, .troubles') ? '' : page === 'tasks' && all ? 'tasks/all' : page ?? 'overview'
  const words = button?.textContent.trim().replace(/[\\d,]+/g, 'N') ?? ''
  return [where, kind, words].filter(Boolean).join(' ')
}`
type SignOf = (form: unknown, button: unknown, prefix: string) => string

/** All forms that a test has seen on the pages that it opened, and those whose buttons it has clicked. */
export class Forms {
  readonly #page: Page
  readonly #base: string
  readonly found = new Set<string>()
  readonly clicked = new Set<string>()
  /** What a page has asked before it did what was clicked. */
  readonly questions: string[] = []
  #isSure = true

  private constructor(page: Page, base: string) {
    this.#page = page
    this.#base = base
  }

  /** @param base The address of the dashboard, which ends with a slash. */
  static async of(page: Page, base: string): Promise<Forms> {
    await page.addInitScript(SIGN)
    const forms = new Forms(page, base)
    page.on('dialog', (dialog) => {
      forms.questions.push(dialog.message())
      void (forms.#isSure ? dialog.accept() : dialog.dismiss())
    })
    return forms
  }

  /** Opens a page, and remembers its forms. */
  async open(path: string): Promise<void> {
    const response = await this.#page.goto(new URL(path.replace(/^\//, ''), this.#base).href)
    if (response?.status() !== 200) throw new Error(`${path} answers ${response?.status()}`)
    await this.look()
  }

  /** Remembers the forms of the page that is open. */
  async look(): Promise<void> {
    const found = await this.#page.locator('form').evaluateAll((forms, prefix) => {
      const { signOf } = globalThis as unknown as { readonly signOf: SignOf }
      return forms.flatMap((form) => {
        const buttons = [...form.querySelectorAll('button')]
        // A search is sent by Enter; around an empty list there is nothing to send.
        const sent = buttons.length === 0 && form.method === 'get' ? [null] : buttons
        return sent.map((button) => signOf(form, button, prefix))
      })
    }, this.#prefix)
    for (const one of found) this.found.add(one)
  }

  /** Follows such links from a page on, one of a kind, and remembers the forms of what they lead to. Returns the kinds. */
  async walk(from: string, links: string): Promise<readonly string[]> {
    const seen = new Set<string>()
    const next = [from]
    for (let path = next.shift(); path !== undefined && seen.size < 80; path = next.shift()) {
      const kind = path.replace(/\?.*/, '').replace(/^(\/[^/]+\/).*/, '$1')
      if (seen.has(kind)) continue
      seen.add(kind)
      await this.open(path)
      const hrefs = await this.#page
        .locator(links)
        .evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''))
      next.push(...hrefs.map((href) => href.slice(this.#prefix.length)))
    }
    return [...seen]
  }

  /** Clicks the button of a form, and waits until the page that follows is there. Returns what that says of the outcome. */
  async click(
    button: Locator,
    fill: Readonly<Record<string, string>> = {},
    tick: readonly string[] = [],
  ): Promise<string> {
    await this.#prepare(button, fill, tick)
    const sign = await button.evaluate((one, prefix) => {
      const { signOf } = globalThis as unknown as { readonly signOf: SignOf }
      return signOf(one.closest('form'), one, prefix)
    }, this.#prefix)
    this.clicked.add(sign)
    const isPage = (one: Response) =>
      one.request().isNavigationRequest() && Math.floor(one.status() / 100) !== 3
    const [next] = await Promise.all([this.#page.waitForResponse(isPage), button.click()])
    if (!next.ok()) throw new Error(`The page that follows answers ${next.status()}: ${await next.text()}`)
    await this.#page.waitForLoadState()
    await this.look()
    const said = this.#page.locator('.said')
    return (await said.count()) === 0 ? '' : ((await said.textContent()) ?? '').trim()
  }

  /** Clicks a button, and says no to the question that it asks: nothing is sent. Returns the question. */
  async refuse(button: Locator, tick: readonly string[] = []): Promise<string | undefined> {
    await this.#prepare(button, {}, tick)
    const before = this.questions.length
    const sent: string[] = []
    const note = (request: Request): void => void (request.method() === 'POST' && sent.push(request.url()))
    this.#page.on('request', note)
    this.#isSure = false
    // It returns when what the click began is under way.
    await button.click()
    this.#isSure = true
    this.#page.off('request', note)
    if (sent.length > 0) throw new Error(`Sent although the answer was no: ${sent.join(', ')}`)
    return this.questions[before]
  }

  async #prepare(
    button: Locator,
    fill: Readonly<Record<string, string>>,
    tick: readonly string[],
  ): Promise<void> {
    const folded = button.locator('xpath=ancestor::details[not(@open)]/summary')
    if ((await folded.count()) > 0) await folded.click()
    const form = button.locator('xpath=ancestor::form')
    for (const [name, value] of Object.entries(fill)) {
      const field = form.locator(`[name="${name}"]`)
      if ((await field.evaluate((one) => one.localName)) === 'select') await field.selectOption(value)
      else await field.fill(value)
    }
    for (const value of tick) await form.locator(`input[value="${value}"]`).check()
  }

  /** Remembers that the form without a button in the header was sent. */
  pressed(): void {
    this.clicked.add('find')
  }

  /** The actions that were clicked. */
  get actions(): ReadonlySet<string | undefined> {
    return new Set([...this.clicked].map((one) => one.split(' ').find((part) => part.includes('.'))))
  }

  /** Forms that nobody has clicked. */
  get left(): readonly string[] {
    return [...this.found].filter((one) => !this.clicked.has(one)).sort()
  }

  get #prefix(): string {
    return new URL(this.#base).pathname.replace(/\/$/, '')
  }
}
