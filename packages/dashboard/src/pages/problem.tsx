import type { PageViews } from '../server/page-views.js'
import { frameOf } from './frame.js'
import { Layout } from './layout.js'

/** A missing page, or an invalid request. */
export const problemView: NonNullable<PageViews['problem']> = ({ status, message }, context) => {
  const fleet = context.c.req.query('fleet') ?? ''
  const frame = frameOf(
    { fleet, fleets: [fleet], nowMs: 0, troubles: [], gaps: [], readOnly: false },
    context,
  )
  return (
    <Layout frame={frame} title={status === 404 ? 'Not here' : 'That cannot be shown'} live={false}>
      <p class="wrong">{message}</p>
      <p>
        <a href={`${context.prefix}/`}>To the overview</a>
      </p>
    </Layout>
  )
}
