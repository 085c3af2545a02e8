import { ConfigurationError } from 'lovage'
import { gitHubProvider } from './git-hub-provider.js'
import { isInGitLabGroup } from './git-lab-groups.js'
import { openIdProvider } from './open-id-provider.js'
import { isLocal, type Provider } from './provider.js'

type Env = Readonly<Record<string, string | undefined>>

/** The minimum access level that Flower asks of a member of a GitLab group: reporter. */
const REPORTER = 20

/**
 * The provider that `--auth-provider` names: `google`, `github`, `gitlab`, `okta`, Flower's name of a handler
 * (`flower.views.auth.GithubLoginHandler`), or the issuer of any provider that speaks OpenID Connect. Where it is, and groups, come from
 * Flower's own environment variables.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for an unknown provider, or one that lacks a variable.
 */
export function providerOf(text: string, env: Env): Provider {
  const [, handler = text] = /^flower\.views\.auth\.(\w+?)(?:Auth2)?LoginHandler$/.exec(text) ?? []
  switch (handler.toLowerCase()) {
    case 'google':
      return openIdProvider({ name: 'Google', issuer: 'https://accounts.google.com' })
    case 'github':
      return gitHubProvider(siteOf('FLOWER_GITHUB_OAUTH_DOMAIN', env, 'github.com'))
    case 'gitlab':
      return gitLab(env)
    case 'okta': {
      const issuer = siteOf('FLOWER_OAUTH2_OKTA_BASE_URL', env)
      return openIdProvider({ name: 'Okta', issuer })
    }
    default:
      if (/^https?:\/\//.test(text))
        return openIdProvider({ name: new URL(checked(text, '--auth-provider')).host, issuer: text })
      throw wrong(
        `--auth-provider does not know ${JSON.stringify(text)}.`,
        'Write google, github, gitlab, okta, or the https:// URL of an OpenID Connect issuer.',
      )
  }
}

function gitLab(env: Env): Provider {
  const site = siteOf('FLOWER_GITLAB_OAUTH_DOMAIN', env, 'gitlab.com')
  const groups = new Set(
    (env.FLOWER_GITLAB_AUTH_ALLOWED_GROUPS ?? '')
      .split(',')
      .map((group) => group.trim())
      .filter((group) => group !== ''),
  )
  if (groups.size === 0) return openIdProvider({ name: 'GitLab', issuer: site })
  const minAccessLevel = Number(env.FLOWER_GITLAB_MIN_ACCESS_LEVEL ?? REPORTER)
  if (!Number.isInteger(minAccessLevel))
    throw wrong(
      `FLOWER_GITLAB_MIN_ACCESS_LEVEL is ${JSON.stringify(env.FLOWER_GITLAB_MIN_ACCESS_LEVEL)}.`,
      'Write a number: 10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner.',
    )
  return openIdProvider({
    name: 'GitLab',
    issuer: site,
    scope: 'openid email read_api',
    admits: (token) => isInGitLabGroup(site, token, { groups, minAccessLevel }),
  })
}

/** A site from the environment: a host name, or a URL; without a trailing slash. */
function siteOf(variable: string, env: Env, initial?: string): string {
  const text = env[variable] ?? initial
  if (text === undefined || text === '')
    throw wrong(
      `--auth-provider=okta needs ${variable}.`,
      `Set it to the issuer: ${variable}=https://example.okta.com/oauth2/default.`,
    )
  return checked(/^https?:\/\//.test(text) ? text : `https://${text}`, variable).replace(/\/+$/, '')
}

/** A URL that secrets may be sent to. */
function checked(url: string, name: string): string {
  const isUrl = URL.canParse(url)
  if (isUrl && (url.startsWith('https:') || isLocal(url))) return url
  throw wrong(
    `${name} is ${JSON.stringify(url)}, which ${isUrl ? 'is not encrypted' : 'is no URL'}.`,
    'Write an https:// URL; plain http:// is for this machine alone.',
  )
}

const wrong = (message: string, hint: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_CONFIG_INVALID', hint })
