import { raw } from 'hono/html'
import type { SignInMessage } from '../access/oauth/sign-in.js'

/** The page of a user who is not signed in. */
export function signInView(prefix: string, { title, message, href, status }: SignInMessage): string {
  const page = (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${title} · Lovage`}</title>
          <link rel="icon" href={`${prefix}/assets/icon.svg`} type="image/svg+xml" />
          <link rel="stylesheet" href={`${prefix}/assets/dashboard.css`} />
        </head>
        <body>
          <main id="main">
            <h1>{title}</h1>
            <p class={status === 200 ? '' : 'wrong'}>{message}</p>
            <p>
              <a href={href}>Sign in</a>
            </p>
          </main>
        </body>
      </html>
    </>
  )
  return String(page)
}
