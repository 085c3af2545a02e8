import { protectedResourceRequest } from 'oauth4webapi'
import { z } from 'zod'
import { requestOptions } from './provider.js'

const Groups = z.array(z.object({ full_path: z.string() }))
const PAGE = 100
/** The most pages of groups that are read for one user. */
const MOST_PAGES = 50

/** Whether the user of an access token is in one of GitLab's groups, with at least the given access level (10 guest … 50 owner). */
export async function isInGitLabGroup(
  site: string,
  accessToken: string,
  { groups, minAccessLevel }: { readonly groups: ReadonlySet<string>; readonly minAccessLevel: number },
): Promise<boolean> {
  const options = requestOptions(site)
  for (let page = 1; page <= MOST_PAGES; page++) {
    const url = new URL(`${site}/api/v4/groups`)
    url.search = String(
      new URLSearchParams({
        min_access_level: String(minAccessLevel),
        per_page: String(PAGE),
        page: String(page),
      }),
    )
    const response = await protectedResourceRequest(accessToken, 'GET', url, new Headers(), null, options)
    if (!response.ok) throw new Error(`${site}/api/v4/groups answers ${response.status}`)
    const found = Groups.parse(await response.json())
    if (found.some(({ full_path: path }) => groups.has(path))) return true
    if (found.length < PAGE) return false
  }
  return false
}
