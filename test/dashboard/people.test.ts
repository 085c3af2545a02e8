import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDashboard, runDashboard } from '@lovage/dashboard/cli'
import { createTestApp } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { CLIENT, type IdentityProvider, startIdentityProvider } from '../servers/identity-provider.js'
import { freePort } from '../servers/ports.js'
import { WebBrowser } from './web-browser.js'

vi.setConfig({ testTimeout: 60_000 })
const folder = mkdtempSync(join(tmpdir(), 'lovage-people-'))
let provider: IdentityProvider
beforeAll(async () => {
  provider = await startIdentityProvider()
})
afterAll(async () => {
  await provider.stop()
  rmSync(folder, { recursive: true, force: true })
})

type Env = Readonly<Record<string, string>>

/** A dashboard that is ended with the test. */
async function start(argv: readonly string[], env: Env = {}, port = 0): Promise<RunningDashboard> {
  const app = createTestApp('shop')
  const dashboard = await runDashboard(app, [`--port=${port}`, `--db=${join(folder, 'h')}`, ...argv], env)
  onTestFinished(async () => {
    await dashboard.close()
    await app.close()
  })
  return dashboard
}

/** A dashboard whose users the provider vouches for. */
async function signedInBy(
  name: string,
  { env = {}, argv = [], prefix = '' }: { env?: Env; argv?: readonly string[]; prefix?: string } = {},
): Promise<{ readonly url: string; readonly browser: WebBrowser }> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}${prefix}`
  const oauth = [`--auth-provider=${name}`, `--oauth2_key=${CLIENT.key}`, `--oauth2_secret=${CLIENT.secret}`]
  const auth = argv.some((one) => one.startsWith('--auth=')) ? [] : ['--auth=*@example.com']
  const given = [...oauth, ...auth, `--oauth2_redirect_uri=${url}/login`, '--address=127.0.0.1', ...argv]
  await start(given, env, port)
  return { url, browser: new WebBrowser() }
}

/** Changes what the provider says, until the end of the test. */
function change(
  values: Partial<Pick<IdentityProvider, 'claims' | 'signsWithForeignKey' | 'hidesEmail' | 'denies'>>,
) {
  const before = {
    claims: provider.claims,
    signsWithForeignKey: provider.signsWithForeignKey,
    hidesEmail: provider.hidesEmail,
    denies: provider.denies,
  }
  Object.assign(provider, values)
  onTestFinished(() => void Object.assign(provider, before))
}
function be(values: Partial<IdentityProvider['user']>): void {
  const before = { ...provider.user }
  Object.assign(provider.user, values)
  onTestFinished(() => void Object.assign(provider.user, before))
}

const providers: readonly (readonly [name: string, auth: string, env: () => Env])[] = [
  ['an issuer', '', () => ({})],
  ['okta', 'okta', () => ({ FLOWER_OAUTH2_OKTA_BASE_URL: provider.url })],
  ['gitlab', 'flower.views.auth.GitLabLoginHandler', () => ({ FLOWER_GITLAB_OAUTH_DOMAIN: provider.url })],
  ['github', 'flower.views.auth.GithubLoginHandler', () => ({ FLOWER_GITHUB_OAUTH_DOMAIN: provider.url })],
]

describe.each(providers)('signing in by %s', (kind, auth, env) => {
  test('leads to the page that was asked for, with a session, and out again', async () => {
    be({ emails: [{ email: 'ada@example.com', verified: true, primary: true }] })
    const { url, browser } = await signedInBy(auth || provider.url, { env: env() })
    const page = await browser.visit(`${url}/tasks?q=state:FAILURE`)
    expect(page.status).toBe(200)
    expect(page.url).toBe(`${url}/tasks?q=state:FAILURE`)
    expect(page.text).toContain('ada@example.com')
    const asked = provider.asked.at(-1)
    expect(asked?.get('code_challenge_method')).toBe('S256')
    expect(asked?.get('state')).toMatch(/^[\w-]{43}$/)
    expect(asked?.has('nonce')).toBe(kind !== 'github')
    const out = await browser.ask(`${url}/logout`, { method: 'POST' })
    expect(out.text).toContain('You are signed out here.')
    expect((await browser.ask(`${url}/tasks`)).status).toBe(302)
  })
})

describe('an answer that does not belong to the sign-in lets no one in', () => {
  const faults: readonly (readonly [string, IdentityProvider['claims']])[] = [
    ['another nonce', (right) => ({ ...right, nonce: 'another' })],
    ['another audience', (right) => ({ ...right, aud: 'another' })],
    ['another issuer', (right) => ({ ...right, iss: 'https://accounts.google.com' })],
    ['a time that is over', (right) => ({ ...right, exp: Math.floor(Date.now() / 1000) - 600 })],
  ]
  test.each(faults)('an ID token with %s', async (_name, claims) => {
    const { url, browser } = await signedInBy(provider.url)
    change({ claims })
    const page = await browser.visit(`${url}/`)
    expect(page.status).toBe(502)
    expect(page.text).toContain('cannot be asked who you are')
    expect((await browser.ask(`${url}/`)).status).toBe(302)
  })

  test('an ID token that another key signed', async () => {
    const { url, browser } = await signedInBy(provider.url)
    change({ signsWithForeignKey: true })
    expect((await browser.visit(`${url}/`)).status).toBe(502)
  })

  test('another state, a second use of a code, a code without the browser’s own secrets', async () => {
    const { url, browser } = await signedInBy(provider.url)
    const go = await browser.ask(`${url}/login`)
    const back = await browser.ask(go.location)
    const answer = new URL(back.location)
    const pending = new Map(browser.cookies)

    expect((await new WebBrowser().visit(answer.href)).status).toBe(400)
    const forged = new URL(answer)
    forged.searchParams.set('state', 'another')
    expect((await browser.visit(forged.href)).status).toBe(400)

    for (const [name, value] of pending) browser.cookies.set(name, value)
    expect((await browser.visit(answer.href)).status).toBe(200)
    for (const [name, value] of pending) browser.cookies.set(name, value)
    expect((await browser.visit(answer.href)).status).toBe(400)

    // Another person's answer, brought to a browser that began its own sign-in.
    const other = new WebBrowser()
    await other.ask(`${url}/login`)
    expect((await other.visit(answer.href)).status).toBe(400)
  })

  test('a user who says no at the provider, or whom it has not verified', async () => {
    const { url, browser } = await signedInBy(provider.url)
    be({ isVerified: false })
    const unverified = await browser.visit(`${url}/`)
    expect(unverified.status).toBe(403)
    expect(unverified.text).toContain('has verified no e-mail address')
    change({ denies: true })
    const denied = await browser.visit(`${url}/`)
    expect(denied.status).toBe(403)
    expect(denied.text).toContain('access_denied')
  })
})

test('only addresses of the pattern are let in, and each has the role of its pattern', async () => {
  const argv = [
    '--auth=*@example.com|eve@other.org',
    '--admins=root@example.com',
    '--operators=o*@example.com',
  ]
  const { url } = await signedInBy(provider.url, { argv })
  const roles = { 'root@example.com': 'admin', 'otto@EXAMPLE.com': 'operator', 'eve@other.org': 'viewer' }
  for (const [email, role] of Object.entries(roles)) {
    be({ email })
    const page = await new WebBrowser().visit(`${url}/`)
    expect(page.text).toMatch(new RegExp(`${email}.*${role}`, 's'))
  }
  be({ email: 'mallory@example.com.evil.org' })
  const page = await new WebBrowser().visit(`${url}/`)
  expect(page.status).toBe(403)
  expect(page.text).toContain('mallory@example.com.evil.org')
})

test('GitHub’s verified addresses count alone, and GitLab’s groups are asked for, page by page', async () => {
  const emails = [
    { email: 'ada@example.com', verified: false, primary: true },
    { email: 'ada@other.org', verified: true, primary: false },
  ]
  be({ emails })
  const gitHub = await signedInBy('github', { env: { FLOWER_GITHUB_OAUTH_DOMAIN: provider.url } })
  expect((await gitHub.browser.visit(gitHub.url)).status).toBe(403)
  be({ emails: [...emails, { email: 'a.l@example.com', verified: true, primary: false }] })
  expect((await gitHub.browser.visit(gitHub.url)).text).toContain('a.l@example.com')

  const many = Array.from({ length: 150 }, (_, n) => ({ full_path: `group-${n}`, level: 30 }))
  be({ groups: [...many, { full_path: 'ops/night', level: 10 }] })
  const env = {
    FLOWER_GITLAB_OAUTH_DOMAIN: provider.url,
    FLOWER_GITLAB_AUTH_ALLOWED_GROUPS: 'ops/night, group-149',
  }
  const gitLab = await signedInBy('gitlab', { env })
  expect((await gitLab.browser.visit(gitLab.url)).status).toBe(200)
  expect(provider.asked.at(-1)?.get('scope')).toBe('openid email read_api')
  // A guest of the group is not enough.
  be({ groups: [{ full_path: 'ops/night', level: 10 }] })
  expect((await new WebBrowser().visit(gitLab.url)).status).toBe(403)
})

test('an address that the ID token does not have is asked for', async () => {
  const { url, browser } = await signedInBy(provider.url)
  change({ hidesEmail: true })
  expect((await browser.visit(`${url}/`)).status).toBe(200)
})

test('under a prefix signing in stays there, and leads to no other site', async () => {
  const { url, browser } = await signedInBy(provider.url, {
    prefix: '/flower',
    argv: ['--url_prefix=flower'],
  })
  const { origin } = new URL(url)
  const page = await browser.visit(`${origin}/flower/queues?q=mail`)
  expect([page.status, page.url]).toEqual([200, `${origin}/flower/queues?q=mail`])
  for (const next of [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '/elsewhere',
    '/flower/..//evil.example',
  ]) {
    const other = new WebBrowser()
    const led = await other.visit(`${origin}/flower/login?next=${encodeURIComponent(next)}`)
    expect([next, led.url]).toEqual([next, `${origin}/flower/`])
  }
})

test('a session is signed, ends in time, and is for this dashboard alone', async () => {
  const secret = ['--cookie_secret=a long secret of the fleet']
  const { url, browser } = await signedInBy(provider.url, { argv: [...secret, '--session-hours=1'] })
  await browser.visit(`${url}/`)
  const [name, cookie] = [...browser.cookies].find(([each]) => each.endsWith('lovage_session')) ?? ['', '']
  const [body = '', mac = ''] = cookie.split('.')
  const [expiresMs, session] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [number, object]
  expect(Math.abs(expiresMs - Date.now() - 3_600_000)).toBeLessThan(60_000)
  const forged = Buffer.from(JSON.stringify([expiresMs, { ...session, name: 'root@example.com' }]))
  const status = async (value: string): Promise<number> => {
    browser.cookies.set(name, value)
    return (await browser.ask(`${url}/`)).status
  }
  expect(await status(`${forged.toString('base64url')}.${mac}`)).toBe(302)
  expect(await status(`${body}.`)).toBe(302)
  expect(await status('')).toBe(302)
  expect(await status(cookie)).toBe(200)

  // The same secret is good after a restart, and at another dashboard; a narrower pattern is obeyed at once.
  const argv = (...more: string[]) => ({ argv: [...secret, ...more] })
  const [same, narrow, other] = [
    await signedInBy(provider.url, argv()),
    await signedInBy(provider.url, argv('--auth=bob@example.com')),
    await signedInBy(provider.url),
  ]
  const statusAt = async (at: string) =>
    (await new WebBrowser().ask(`${at}/`, { headers: { cookie: `lovage_session=${cookie}` } })).status
  expect([await statusAt(same.url), await statusAt(narrow.url), await statusAt(other.url)]).toEqual([
    200, 302, 302,
  ])

  // A copy of the cookie is worth nothing after its owner has signed out: here, at another dashboard, and after a restart.
  await browser.ask(`${url}/logout`, { method: 'POST' })
  expect(await status(cookie)).toBe(302)
  const restarted = await signedInBy(provider.url, argv())
  expect([await statusAt(same.url), await statusAt(restarted.url)]).toEqual([302, 302])
})

test('cookies are for this server and its pages alone, and with HTTPS for nothing else', async () => {
  const { url, browser } = await signedInBy(provider.url, {
    prefix: '/flower',
    argv: ['--url_prefix=flower'],
  })
  const go = await browser.ask(`${url}/login`)
  const back = await browser.ask(go.location)
  const { headers } = await browser.ask(back.location)
  expect(headers['set-cookie']).toContainEqual(
    expect.stringMatching(/^lovage_session=.*; Max-Age=43200; Path=\/flower; HttpOnly; SameSite=Lax$/),
  )
  expect(headers['cache-control']).toBe('no-store')
  const secure = await start([
    '--address=127.0.0.1',
    `--auth-provider=${provider.url}`,
    '--auth=*@example.com',
    '--oauth2_key=k',
    '--oauth2_secret=s',
    '--oauth2_redirect_uri=https://flower.example.com/login',
  ])
  const begun = await browser.ask(`${secure.url}login`)
  expect(begun.headers['set-cookie']).toEqual([
    expect.stringMatching(/; Path=\/login; HttpOnly; Secure; SameSite=Lax$/),
  ])
})

test('a session past its time is asked to sign in again', async () => {
  const { url, browser } = await signedInBy(provider.url, { argv: ['--session-hours=0.0003'] })
  expect((await browser.visit(`${url}/`)).status).toBe(200)
  await vi.waitUntil(async () => (await browser.ask(`${url}/`)).status === 302, {
    timeout: 20_000,
    interval: 100,
  })
})

test('scripts and programs are told, not led away; passwords are for programs', async () => {
  const { url, browser } = await signedInBy(provider.url, { argv: ['--basic-auth=robot:secret:viewer'] })
  const script = await browser.ask(`${url}/`, { headers: { 'sec-fetch-mode': 'cors' } })
  expect([script.status, script.headers['www-authenticate']]).toEqual([401, 'Basic realm="flower"'])
  expect((await browser.ask(`${url}/actions`, { method: 'POST' })).status).toBe(401)
  expect((await fetch(`${url}/api/workers`)).status).toBe(401)
  const authorization = `Basic ${Buffer.from('robot:secret').toString('base64')}`
  expect((await fetch(`${url}/api/workers`, { headers: { authorization } })).status).toBe(200)
})

test('a page of another site changes nothing in a session, and ends none', async () => {
  const { url, browser } = await signedInBy(provider.url)
  await browser.visit(`${url}/`)
  const post = (headers: Record<string, string>, path = 'actions') =>
    browser.ask(`${url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: '{"kind": "fleet.enable-events"}',
    })
  for (const path of ['actions', 'logout'])
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ])
      expect([path, headers, (await post(headers, path)).status]).toEqual([path, headers, 403])
  expect((await post({ 'sec-fetch-site': 'same-origin' })).status).toBe(403)
  expect((await post({ origin: url })).status).not.toBe(401)
})

test('a provider that is away is said, and asked again', async () => {
  const away = await startIdentityProvider()
  const port = new URL(away.url).port
  await away.stop()
  const { url, browser } = await signedInBy(`http://127.0.0.1:${port}`)
  const page = await browser.visit(`${url}/`)
  expect(page.status).toBe(502)
  expect(page.text).toContain('cannot be asked who you are')
})

describe('a proxy that signs users in', () => {
  const header = '--proxy-user-header=X-Forwarded-User'
  const as = (user: string) => ({ headers: { 'x-forwarded-user': user, accept: 'text/html' } })

  test('is believed from its addresses alone', async () => {
    const local = '--address=127.0.0.1'
    const near = await start([header, local, '--trusted-proxies=127.0.0.0/8,::1', '--operators=ada'])
    expect(await (await fetch(near.url, as('ada'))).text()).toMatch(/ada.*operator/s)
    expect(await (await fetch(near.url, as('bob'))).text()).toMatch(/bob.*viewer/s)
    expect((await fetch(near.url)).status).toBe(401)
    // A header that arrives twice was not replaced by the proxy.
    expect((await fetch(near.url, as('ada, root'))).status).toBe(401)
    const far = await start([header, local, '--trusted-proxies=192.0.2.7'])
    expect((await fetch(far.url, as('ada'))).status).toBe(401)
  })

  test('may name those alone whom --auth lets in', async () => {
    const { url } = await start([
      header,
      '--address=127.0.0.1',
      '--trusted-proxies=127.0.0.1',
      '--auth=*@example.com',
    ])
    expect((await fetch(url, as('ada@example.com'))).status).toBe(200)
    expect((await fetch(url, as('ada@other.org'))).status).toBe(403)
  })
})

describe('options that let in no one, or everyone, are refused at the start', () => {
  const oauth = [
    '--oauth2_key=k',
    '--oauth2_secret=s',
    '--oauth2_redirect_uri=https://flower.example.com/login',
  ]
  test.each<[readonly string[], RegExp]>([
    [['--auth=*@example.com'], /who vouches for them/],
    [['--auth=*@example.com', '--oauth2_key=k'], /needs --auth-provider, --oauth2-secret/],
    [['--auth-provider=google', ...oauth], /--auth is missing/],
    [['--auth=*', '--auth-provider=google', ...oauth], /--auth cannot be understood/],
    [['--auth=.*', '--auth-provider=google', ...oauth], /--auth cannot be understood/],
    [['--auth=*@example.com', '--auth-provider=facebook', ...oauth], /does not know "facebook"/],
    [['--auth=*@example.com', '--auth-provider=okta', ...oauth], /needs FLOWER_OAUTH2_OKTA_BASE_URL/],
    [['--auth=*@example.com', '--auth-provider=http://idp.example.com', ...oauth], /is not encrypted/],
    [['--proxy-user-header=X-User'], /needs --trusted-proxies/],
    [
      ['--proxy-user-header=X-User', '--trusted-proxies=10.0.0.0/33'],
      /cannot be understood at "10.0.0.0\/33"/,
    ],
  ])('%j', async (argv, why) => {
    await expect(start(argv)).rejects.toThrow(why)
  })
})
