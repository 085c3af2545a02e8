import { request } from 'node:http'

/** A page as a browser gets it. */
export interface VisitedPage {
  /** Where it came from, after all redirects. */
  readonly url: string
  readonly status: number
  readonly location: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** A browser without a window: it follows redirects, and keeps cookies. Node's own `fetch` says that it is a script. */
export class WebBrowser {
  /** By origin and name. */
  readonly cookies = new Map<string, string>()

  /** Goes to a page, and on to where it leads. */
  async visit(url: string): Promise<VisitedPage> {
    let page = await this.ask(url)
    for (let hops = 0; hops < 10 && page.location !== ''; hops++)
      page = await this.ask(new URL(page.location, page.url).href)
    return page
  }

  /** Sends one request, as a browser does when a link is clicked. */
  async ask(
    url: string,
    {
      method = 'GET',
      headers = {},
      body = '',
    }: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<VisitedPage> {
    const { origin } = new URL(url)
    const cookie = [...this.cookies]
      .filter(([name]) => name.startsWith(`${origin} `))
      .map(([name, value]) => `${name.split(' ')[1]}=${value}`)
      .join('; ')
    const page = await new Promise<VisitedPage>((resolve, reject) => {
      request(url, { method, headers: { accept: 'text/html', cookie, ...headers } }, (response) => {
        let text = ''
        const { statusCode: status = 0, headers: got } = response
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece
        })
        response.on('end', () => resolve({ url, status, location: got.location ?? '', headers: got, text }))
        response.on('error', reject)
      })
        .on('error', reject)
        .end(body)
    })
    for (const set of page.headers['set-cookie'] ?? []) {
      const [, name = '', value = '', rest = ''] = /^([^=]+)=([^;]*)(.*)$/.exec(set) ?? []
      if (/max-age=0/i.test(rest)) this.cookies.delete(`${origin} ${name}`)
      else this.cookies.set(`${origin} ${name}`, value)
    }
    return page
  }
}
