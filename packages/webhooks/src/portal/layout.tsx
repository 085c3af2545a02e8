import { raw } from 'hono/html'
import type { FC, PropsWithChildren } from 'hono/jsx'
import type { Session } from './session.js'

/** A whole page. It has no scripts: everything is a link or a form. */
export const Layout: FC<
  PropsWithChildren<{
    readonly title: string
    readonly session?: Session | undefined
    readonly said?: string | undefined
  }>
> = ({ title, session, said, children }) => (
  <>
    {raw('<!doctype html>')}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · Webhooks`}</title>
        <link rel="stylesheet" href="/portal/assets/portal.css" />
      </head>
      <body>
        <header>
          <a href="/portal">Webhooks</a>
          {session ? (
            <form method="post" action="/portal/leave">
              <Token session={session} />
              <span>{session.tenant}</span> <button type="submit">Leave</button>
            </form>
          ) : null}
        </header>
        <main>
          {said ? (
            <p class="said" role="status">
              {said}
            </p>
          ) : null}
          <h1>{title}</h1>
          {children}
        </main>
      </body>
    </html>
  </>
)

/** The token of a form. */
export const Token: FC<{ readonly session: Session }> = ({ session }) => (
  <input type="hidden" name="token" value={session.token} />
)

/** A form that is one button. */
export const Act: FC<{
  readonly session: Session
  readonly to: string
  readonly label: string
  readonly danger?: boolean
}> = ({ session, to, label, danger = false }) => (
  <form method="post" action={to} class="act">
    <Token session={session} />
    <button type="submit" class={danger ? 'danger' : ''}>
      {label}
    </button>
  </form>
)

/** A time; `-` where there is none. */
export const Time: FC<{ readonly ms: number | null }> = ({ ms }) => {
  if (ms === null) return <>-</>
  const text = new Date(ms).toISOString()
  return <time datetime={text}>{text.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>
}

/** An error or a lost way. */
export const Problem: FC<{
  readonly title: string
  readonly message: string
  readonly session?: Session | undefined
}> = ({ title, message, session }) => (
  <Layout title={title} session={session}>
    <p role="alert">{message}</p>
    {session ? (
      <p>
        <a href="/portal">Back to the endpoints</a>
      </p>
    ) : null}
  </Layout>
)
